with

marketing_spend as (
    select * from {{ ref('stg_finance__marketing_spend') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

currencies as (
    select
        currency,
        min(month) as first_month,
        max(month) as last_month
    from fx_rates
    group by currency
),

spend_with_rate as (
    -- rates reach from the first month of business to now: spend before has the first, after the last
    select
        marketing_spend.*,
        case
            when marketing_spend.currency = as_of.reporting_currency then cast(1 as decimal(18, 8))
            else fx_rates.rate
        end as rate
    from marketing_spend
    cross join as_of
    left join currencies on marketing_spend.currency = currencies.currency
    left join fx_rates
        on
            marketing_spend.currency = fx_rates.currency
            and least(
                greatest({{ month_start('marketing_spend.spend_date') }}, currencies.first_month), currencies.last_month
            ) = fx_rates.month
),

final as (
    select
        spend_date,
        channel,
        campaign,
        currency,
        cast(amount as decimal(18, 2)) as amount_native,
        {{ round_money('cast(amount as decimal(27, 3)) * rate') }} as amount
    from spend_with_rate
)

select * from final
