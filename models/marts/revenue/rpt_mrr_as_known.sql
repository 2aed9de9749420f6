with

item_states as (
    select * from {{ ref('int_core__item_states') }}
    where not is_metered
),

close_items as (
    select * from {{ ref('int_revenue__month_close_items') }}
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
    select * from {{ ref('dim_as_of') }}
),

states_with_knowledge as (
    {{ states_as_heard('item_states') }}
),

-- only where something was heard after a month it concerns had ended was it seen otherwise then
months_heard_late as (
    select distinct
        subscription_id,
        {{ month_spine(month_start('effective_at'), add_months_to(month_start('heard_at'), -1)) }} as month
    from states_with_knowledge
),

months_seen_otherwise as (
    select
        months_heard_late.subscription_id,
        months_heard_late.month,
        cast({{ add_months_to('months_heard_late.month', 1) }} as timestamp) as month_ends_at
    from months_heard_late
    cross join as_of
    where cast({{ add_months_to('months_heard_late.month', 1) }} as timestamp) <= as_of.as_of_at
),

states_seen as (
    select
        states_with_knowledge.account_id,
        states_with_knowledge.currency,
        states_with_knowledge.mrr_cents,
        months_seen_otherwise.month
    from months_seen_otherwise
    inner join states_with_knowledge
        on
            months_seen_otherwise.subscription_id = states_with_knowledge.subscription_id
            and months_seen_otherwise.month_ends_at > states_with_knowledge.valid_from
            and months_seen_otherwise.month_ends_at >= states_with_knowledge.heard_at
    qualify rank() over (
        partition by months_seen_otherwise.subscription_id, months_seen_otherwise.month
        order by
            states_with_knowledge.effective_at desc,
            states_with_knowledge.event_rank desc,
            states_with_knowledge.event_id desc,
            states_with_knowledge.valid_from desc
    ) = 1
),

gathered as (
    select
        close_items.account_id,
        close_items.month,
        close_items.currency,
        close_items.mrr_native as native_now,
        case
            when months_seen_otherwise.month is not null then 0
            when
                close_items.source = 'contract'
                and cast(contracts.signed_date as timestamp) >= cast({{ add_months_to('close_items.month', 1) }} as timestamp)
                then 0
            else close_items.mrr_native
        end as native_then
    from close_items
    left join months_seen_otherwise
        on
            close_items.source_id = months_seen_otherwise.subscription_id
            and close_items.month = months_seen_otherwise.month
    left join contracts
        on close_items.source_id = contracts.contract_id

    union all

    select
        states_seen.account_id,
        states_seen.month,
        states_seen.currency,
        0 as native_now,
        cast(cast(states_seen.mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100) as decimal(18, 3)) as native_then
    from states_seen
    left join minor_units
        on states_seen.currency = minor_units.currency
    where states_seen.mrr_cents <> 0
),

balances as (
    select
        gathered.account_id,
        gathered.month,
        {{ round_money(at_rate('sum(gathered.native_then)', 'fx_rates.rate')) }} as mrr_as_known,
        {{ round_money(at_rate('sum(gathered.native_now)', 'fx_rates.rate')) }} as mrr_now
    from gathered
    inner join fx_rates
        on
            gathered.currency = fx_rates.currency
            and gathered.month = fx_rates.month
    group by gathered.account_id, gathered.month, gathered.currency, fx_rates.rate
),

final as (
    select
        -- keys
        account_id,
        month,
        -- measures
        cast(sum(mrr_as_known) as decimal(18, 2)) as mrr_as_known,
        cast(sum(mrr_now) as decimal(18, 2)) as mrr_now,
        cast(sum(mrr_now) - sum(mrr_as_known) as decimal(18, 2)) as difference
    from balances
    group by 1, 2
)

select * from final
