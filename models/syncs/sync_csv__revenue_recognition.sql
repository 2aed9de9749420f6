with

recognition_months as (
    select * from {{ ref('fct_recognition_months') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

as_of as (
    select {{ month_start("as_of_at - interval '1' microsecond") }} as current_month
    from {{ ref('dim_as_of') }}
),

final as (
    select
        concat(recognition_months.invoice_line_id, '|', substr(cast(recognition_months.month as varchar), 1, 7))
            as record_key,
        recognition_months.month,
        recognition_months.invoice_line_id,
        recognition_months.invoice_id,
        recognition_months.customer_id,
        recognition_months.account_id,
        accounts.account_name,
        recognition_months.plan_key,
        recognition_months.source,
        recognition_months.line_type,
        recognition_months.currency,
        recognition_months.recognised_amount_native,
        recognition_months.recognised_amount,
        recognition_months.reversed_amount
    from recognition_months
    cross join as_of
    left join accounts on recognition_months.account_id = accounts.account_id
    -- a month under way is not posted: it would change with every day
    where recognition_months.month < as_of.current_month
)

select * from final
