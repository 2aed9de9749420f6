with

deferred_invoice_months as (
    select * from {{ ref('fct_deferred_invoice_months') }}
),

as_of as (
    select
        as_of_at,
        {{ month_start("as_of_at - interval '1' microsecond") }} as current_month
    from {{ ref('dim_as_of') }}
),

sums as (
    select
        month,
        sum(opening_balance) as opening_balance,
        sum(billed_amount) as billed_amount,
        sum(recognised_amount) as recognised_amount,
        sum(adjusted_amount) as adjusted_amount,
        sum(closing_balance) as closing_balance,
        sum(greatest(closing_balance, 0)) as deferred_balance,
        sum(least(closing_balance, 0)) as unbilled_balance
    from deferred_invoice_months
    group by month
),

first_months as (
    select min(month) as first_month
    from sums
),

months as (
    select {{ month_spine('first_months.first_month', 'as_of.current_month') }} as month
    from first_months
    cross join as_of
    where first_months.first_month is not null
),

final as (
    select
        -- keys
        months.month,
        -- attributes
        {{ add_months_to('months.month', 1) }} <= as_of.as_of_at as is_month_over,
        -- measures
        cast(coalesce(sums.opening_balance, 0) as decimal(18, 2)) as opening_balance,
        cast(coalesce(sums.billed_amount, 0) as decimal(18, 2)) as billed_amount,
        cast(coalesce(sums.recognised_amount, 0) as decimal(18, 2)) as recognised_amount,
        cast(coalesce(sums.adjusted_amount, 0) as decimal(18, 2)) as adjusted_amount,
        cast(coalesce(sums.closing_balance, 0) as decimal(18, 2)) as closing_balance,
        cast(coalesce(sums.deferred_balance, 0) as decimal(18, 2)) as deferred_balance,
        cast(coalesce(sums.unbilled_balance, 0) as decimal(18, 2)) as unbilled_balance
    from months
    cross join as_of
    left join sums
        on months.month = sums.month
)

select * from final
