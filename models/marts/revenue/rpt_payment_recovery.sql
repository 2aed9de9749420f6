with

failed_invoices as (
    select * from {{ ref('fct_failed_invoices') }}
    where not is_first_payment
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

counted as (
    select
        failed_month as month,
        reason,
        count(*) as failed_invoices,
        count(case when outcome = 'recovered' then 1 end) as recovered_invoices,
        count(case when outcome = 'lost' then 1 end) as lost_invoices,
        count(case when outcome = 'open' then 1 end) as open_invoices,
        sum(failed_amount) as failed_amount,
        sum(recovered_amount) as recovered_amount,
        sum(lost_amount) as lost_amount,
        sum(open_amount) as open_amount,
        {{ percentile('days_to_recover', 0.5) }} as median_days_to_recover
    from failed_invoices
    group by 1, 2
),

final as (
    select
        -- keys
        counted.month,
        counted.reason,
        -- attributes
        {{ is_recovery_mature('counted.month') }} as is_mature,
        -- measures
        counted.failed_invoices,
        counted.recovered_invoices,
        counted.lost_invoices,
        counted.open_invoices,
        counted.recovered_invoices + counted.lost_invoices as resolved_invoices,
        case
            when counted.recovered_invoices + counted.lost_invoices > 0
                then
                    cast(counted.recovered_invoices as double)
                    / (counted.recovered_invoices + counted.lost_invoices)
        end as recovery_rate,
        cast(counted.open_invoices as double) / counted.failed_invoices as open_share,
        cast(counted.failed_amount as decimal(18, 2)) as failed_amount,
        cast(counted.recovered_amount as decimal(18, 2)) as recovered_amount,
        cast(counted.lost_amount as decimal(18, 2)) as lost_amount,
        cast(counted.open_amount as decimal(18, 2)) as open_amount,
        counted.median_days_to_recover
    from counted
    cross join as_of
)

select * from final
