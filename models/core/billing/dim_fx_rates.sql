with

fx_rates as (
    select * from {{ ref('stg_finance__fx_rates') }}
),

subscription_events as (
    select * from {{ ref('stg_stripe__subscription_events') }}
),

contracts as (
    select * from {{ ref('stg_finance__contracts') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

first_dates as (
    select min(month) as first_date
    from fx_rates
    union all
    select min(cast(effective_at as date)) as first_date
    from subscription_events
    union all
    select min(start_date) as first_date
    from contracts
),

range_of_months as (
    select
        {{ month_start('coalesce(min(first_dates.first_date), max(as_of.as_of_date))') }} as first_month,
        {{ month_start("max(as_of.as_of_at) - interval '1' microsecond") }} as last_month
    from first_dates
    cross join as_of
),

months as (
    select {{ month_spine('first_month', 'last_month') }} as month
    from range_of_months
),

rates_until_next as (
    -- a month without a rate has the latest earlier one's, before the first the first one's
    select
        currency,
        rate,
        month as rate_month,
        case
            when row_number() over (partition by currency order by month) > 1 then month
        end as valid_from_month,
        lead(month) over (partition by currency order by month) as valid_to_month
    from fx_rates
),

foreign_currencies as (
    select
        months.month,
        rates_until_next.currency,
        rates_until_next.rate,
        rates_until_next.rate_month <> months.month as is_filled
    from months
    inner join rates_until_next
        on
            months.month >= coalesce(rates_until_next.valid_from_month, date '0001-01-01')
            and months.month < coalesce(rates_until_next.valid_to_month, date '9999-12-31')
    cross join as_of
    where rates_until_next.currency <> as_of.reporting_currency
),

final as (
    select
        month,
        currency,
        rate,
        is_filled
    from foreign_currencies

    union all

    select
        months.month,
        as_of.reporting_currency as currency,
        cast(1 as decimal(18, 8)) as rate,
        false as is_filled
    from months
    cross join as_of
)

select * from final
