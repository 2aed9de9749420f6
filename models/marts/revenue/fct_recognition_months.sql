with

recognition_schedules as (
    select * from {{ ref('int_revenue__recognition_schedules') }}
),

billed_lines as (
    select * from {{ ref('int_revenue__billed_lines') }}
),

as_of as (
    select {{ month_start("as_of_at - interval '1' microsecond") }} as current_month
    from {{ ref('dim_as_of') }}
),

line_months as (
    select
        invoice_line_id,
        month,
        cast(sum(recognised_cents) as bigint) as recognised_cents,
        cast(sum(recognised_reporting_cents) as bigint) as recognised_reporting_cents,
        cast(sum(to_date_cents) as bigint) as to_date_cents,
        cast(sum(to_date_reporting_cents) as bigint) as to_date_reporting_cents,
        cast(
            sum(case when document_type not in ('invoice', 'contract') then recognised_reporting_cents else 0 end) as bigint
        ) as reversed_reporting_cents
    from recognition_schedules
    group by 1, 2
),

final as (
    select
        -- keys
        line_months.invoice_line_id,
        line_months.month,
        billed_lines.invoice_id,
        billed_lines.account_id,
        billed_lines.customer_id,
        billed_lines.plan_key,
        -- attributes
        billed_lines.source,
        billed_lines.line_type,
        billed_lines.currency,
        line_months.month > as_of.current_month as is_future,
        -- measures
        {{ from_cents('line_months.recognised_reporting_cents') }} as recognised_amount,
        {{ from_cents('line_months.to_date_reporting_cents') }} as recognised_to_date_amount,
        {{ from_cents('line_months.reversed_reporting_cents') }} as reversed_amount,
        {{ stripe_amount('line_months.recognised_cents', 'billed_lines.currency') }} as recognised_amount_native,
        line_months.recognised_cents,
        line_months.to_date_cents as recognised_to_date_cents
    from line_months
    cross join as_of
    inner join billed_lines
        on line_months.invoice_line_id = billed_lines.invoice_line_id
)

select * from final
