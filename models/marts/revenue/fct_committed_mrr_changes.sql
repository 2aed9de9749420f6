with

subscription_item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

as_of as (
    select
        *,
        cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

held_now as (
    select *
    from mrr_day_spans
    where to_date is null
),

balances_now as (
    select
        account_id,
        currency,
        sum(mrr_native) as native_now
    from held_now
    group by 1, 2
),

contracts_to_come as (
    select
        contracts.*,
        cast(
            cast(contracts.mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100) as decimal(18, 3)
        ) as mrr_native
    from contracts
    cross join as_of
    left join minor_units
        on contracts.currency = minor_units.currency
    where
        contracts.start_date > as_of.last_date
        and contracts.start_date <= contracts.end_date
        -- what nobody has signed is a deal, not a commitment
        and coalesce(cast(contracts.signed_date as timestamp) <= as_of.as_of_at, true)
),

changes as (
    select
        held_now.account_id,
        held_now.currency,
        held_now.item_key,
        'cancellation' as change_type,
        cast(
            case
                when coalesce(items.cancel_at, items.current_period_ends_at) > as_of.as_of_at
                    then coalesce(items.cancel_at, items.current_period_ends_at)
                else as_of.as_of_at
            end as date
        ) as effective_date,
        -held_now.mrr_native as change_native
    from held_now
    inner join subscription_item_periods as items
        on
            held_now.item_key = items.subscription_id || '/' || items.item_id
            and items.valid_to is null
    cross join as_of
    where items.is_churn_scheduled

    union all

    select
        contracts.account_id,
        held_now.currency,
        held_now.item_key,
        'contract_end' as change_type,
        {{ add_days('contracts.end_date', 1) }} as effective_date,
        -held_now.mrr_native as change_native
    from held_now
    inner join contracts
        on held_now.item_key = contracts.contract_id
    where held_now.source = 'contract'

    union all

    select
        account_id,
        currency,
        contract_id as item_key,
        'contract_start' as change_type,
        start_date as effective_date,
        mrr_native as change_native
    from contracts_to_come

    union all

    select
        account_id,
        currency,
        contract_id as item_key,
        'contract_end' as change_type,
        {{ add_days('end_date', 1) }} as effective_date,
        -mrr_native as change_native
    from contracts_to_come
),

newest_rates as (
    select
        currency,
        rate
    from fx_rates
    qualify row_number() over (partition by currency order by month desc) = 1
),

balances as (
    -- what begins on a day is added before what ends on it is taken off
    select
        changes.*,
        newest_rates.rate,
        coalesce(balances_now.native_now, 0) + sum(changes.change_native) over (
            partition by changes.account_id, changes.currency
            order by
                changes.effective_date,
                case when changes.change_type = 'contract_start' then 0 else 1 end,
                changes.item_key
            rows between unbounded preceding and current row
        ) as native_after
    from changes
    inner join newest_rates
        on changes.currency = newest_rates.currency
    left join balances_now
        on
            changes.account_id = balances_now.account_id
            and changes.currency = balances_now.currency
    where changes.change_native <> 0
),

final as (
    select
        -- keys
        account_id,
        item_key,
        change_type,
        effective_date,
        -- attributes
        currency,
        {{ month_start('effective_date') }} as month,
        -- measures: differences of rounded balances, so that all that ends leaves exactly nothing
        cast(change_native as decimal(18, 3)) as change_native,
        cast(
            {{ round_money(at_rate('native_after', 'rate')) }}
            - {{ round_money(at_rate('(native_after - change_native)', 'rate')) }} as decimal(18, 2)
        ) as change_mrr
    from balances
)

select * from final
