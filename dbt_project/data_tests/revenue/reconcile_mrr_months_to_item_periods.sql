-- The closing balance of every account and month, counted a second way: what held at that
-- moment in the item periods and contracts, at the month's rate. No movement is looked at.
with

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

month_ends as (
    select distinct
        fx_rates.month,
        case
            when {{ add_months_to('fx_rates.month', 1) }} < as_of.as_of_at then cast({{ add_months_to('fx_rates.month', 1) }} as timestamp)
            else as_of.as_of_at
        end as ends_at
    from fx_rates
    cross join as_of
),

held as (
    select
        item_periods.account_id,
        item_periods.currency,
        month_ends.month,
        item_periods.mrr_cents
    from item_periods
    inner join month_ends
        on
            item_periods.valid_from < month_ends.ends_at
            and coalesce(item_periods.valid_to >= month_ends.ends_at, true)

    union all

    select
        contracts.account_id,
        contracts.currency,
        month_ends.month,
        contracts.mrr_cents
    from contracts
    inner join month_ends
        on
            cast(contracts.start_date as timestamp) < month_ends.ends_at
            and cast({{ add_days('contracts.end_date', 1) }} as timestamp) >= month_ends.ends_at
),

balances as (
    select
        held.account_id,
        held.currency,
        held.month,
        cast(
            cast(sum(held.mrr_cents) as decimal(18, 0)) / coalesce(max(minor_units.minor_units), 100) as decimal(18, 3)
        ) as mrr_native
    from held
    left join minor_units
        on held.currency = minor_units.currency
    group by 1, 2, 3
),

counted as (
    select
        balances.account_id,
        balances.month,
        sum({{ round_money(at_rate('balances.mrr_native', 'fx_rates.rate')) }}) as closing_mrr
    from balances
    inner join fx_rates
        on
            balances.currency = fx_rates.currency
            and balances.month = fx_rates.month
    group by 1, 2
)

select
    coalesce(mrr_months.account_id, counted.account_id) as account_id,
    coalesce(mrr_months.month, counted.month) as month,
    mrr_months.closing_mrr,
    counted.closing_mrr as counted_closing_mrr
from mrr_months
full outer join counted
    on
        mrr_months.account_id = counted.account_id
        and mrr_months.month = counted.month
where coalesce(mrr_months.closing_mrr, 0) <> coalesce(counted.closing_mrr, 0)
