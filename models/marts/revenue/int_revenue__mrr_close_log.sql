with

close_items as (
    select * from {{ ref('int_revenue__month_close_items') }}
),

item_states as (
    select * from {{ ref('int_core__item_states') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
),

internal_accounts as (
    select * from {{ ref('int_core__internal_accounts') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

rules as (
    select 'status ' || subscription_status || ' ' || cast(counts_as_mrr as varchar) as rule
    from {{ ref('subscription_statuses') }}
    union all
    select 'interval ' || billing_interval || ' ' || cast(intervals_per_year as varchar) as rule
    from {{ ref('billing_intervals') }}
    union all
    select 'minor units ' || currency || ' ' || cast(minor_units as varchar) as rule
    from {{ ref('currency_minor_units') }}
    union all
    select 'internal ' || kind || ' ' || value as rule
    from {{ ref('internal_accounts') }}
    union all
    select 'dunning_grace_days {{ var("dunning_grace_days", none) }}' as rule
    union all
    select 'reporting currency ' || reporting_currency as rule
    from as_of
),

loads as (
    select known_in_load from item_states
    union all
    select known_in_load from contracts
),

loads_seen as (
    select coalesce(max(known_in_load), 0) as newest_load_id
    from loads
),

rules_now as (
    select {{ hash_rows('rule') }} as rules_hash
    from rules
),

entries as (
    {% if is_incremental() -%}
    select * from {{ this }}
    {%- else -%}
    -- the same columns, and no memory yet
    select
        cast(null as bigint) as version_number,
        close_items.month,
        close_items.item_key,
        close_items.currency,
        close_items.account_id,
        close_items.source_id,
        close_items.source,
        close_items.event_id,
        cast(null as bigint) as newest_load_id,
        cast(null as varchar) as rules_hash,
        cast(null as varchar) as cause,
        close_items.mrr_native,
        close_items.rate,
        close_items.held_since_at,
        as_of.as_of_at as recorded_at
    from close_items
    cross join as_of
    where false
    {%- endif %}
),

memory as (
    select
        coalesce(max(version_number), 0) as version_number,
        max(case when item_key is null then month end) as last_closed_month,
        max(recorded_at) as recorded_at
    from entries
),

-- a run whose now lies before what was written is a look at the past: it reports nothing
this_build as (
    select
        memory.version_number + 1 as version_number,
        memory.last_closed_month,
        as_of.as_of_at as recorded_at,
        rules_now.rules_hash,
        loads_seen.newest_load_id
    from as_of
    cross join memory
    cross join rules_now
    cross join loads_seen
    where coalesce(as_of.as_of_at >= memory.recorded_at, true)
),

months_to_close as (
    select distinct fx_rates.month
    from fx_rates
    cross join this_build
    where
        cast({{ add_months_to('fx_rates.month', 1) }} as timestamp) <= this_build.recorded_at
        and coalesce(fx_rates.month > this_build.last_closed_month, true)
),

items_closed as (
    select close_items.*
    from close_items
    inner join months_to_close
        on close_items.month = months_to_close.month
),

last_entries as (
    select *
    from entries
    where item_key is not null
    qualify row_number() over (
        partition by month, item_key, currency order by version_number desc
    ) = 1
),

months_closed as (
    select
        month,
        newest_load_id,
        rules_hash
    from entries
    where item_key is null
),

items_of_closed_months as (
    select close_items.*
    from close_items
    inner join this_build
        on close_items.month <= this_build.last_closed_month
),

items_changed as (
    select
        coalesce(items_of_closed_months.month, last_entries.month) as month,
        coalesce(items_of_closed_months.item_key, last_entries.item_key) as item_key,
        coalesce(items_of_closed_months.currency, last_entries.currency) as currency,
        coalesce(items_of_closed_months.account_id, last_entries.account_id) as account_id,
        coalesce(items_of_closed_months.source_id, last_entries.source_id) as source_id,
        coalesce(items_of_closed_months.source, last_entries.source) as source,
        coalesce(items_of_closed_months.mrr_native, 0) as mrr_native,
        coalesce(items_of_closed_months.event_id, last_entries.event_id) as event_id,
        coalesce(items_of_closed_months.held_since_at, last_entries.held_since_at) as held_since_at,
        coalesce(items_of_closed_months.rate, fx_rates.rate, last_entries.rate) as rate,
        coalesce(last_entries.mrr_native, 0) as mrr_native_before,
        last_entries.event_id as event_before,
        -- what nobody had seen is compared with the close of its month
        coalesce(last_entries.newest_load_id, months_closed.newest_load_id) as load_before,
        coalesce(last_entries.rules_hash, months_closed.rules_hash) as rules_hash_before
    from items_of_closed_months
    full outer join last_entries
        on
            items_of_closed_months.month = last_entries.month
            and items_of_closed_months.item_key = last_entries.item_key
            and items_of_closed_months.currency = last_entries.currency
    left join fx_rates
        on
            last_entries.month = fx_rates.month
            and last_entries.currency = fx_rates.currency
    left join months_closed
        on items_of_closed_months.month = months_closed.month
    where
        -- gone twice is not news
        (items_of_closed_months.mrr_native is not null or last_entries.mrr_native <> 0)
        and (
            items_of_closed_months.mrr_native is distinct from last_entries.mrr_native
            or items_of_closed_months.account_id is distinct from last_entries.account_id
            or items_of_closed_months.rate is distinct from last_entries.rate
        )
),

-- what has been heard of the subscription and the moment the month closed
states_of_changes as (
    select
        items_changed.month,
        items_changed.item_key,
        items_changed.currency,
        item_states.event_id,
        item_states.known_in_load > items_changed.load_before as is_news,
        item_states.event_id = items_changed.event_before as is_event_before,
        -- a pull is made when it is made, and tells of what was
        item_states.event_rank < 3
        and item_states.event_created_at
        >= cast({{ add_months_to('items_changed.month', 1) }} as timestamp) as is_made_after,
        row_number() over (
            partition by items_changed.month, items_changed.item_key, items_changed.currency
            order by
                case when item_states.known_in_load > items_changed.load_before then 0 else 1 end,
                item_states.effective_at desc, item_states.event_rank desc, item_states.event_id desc,
                item_states.valid_from desc, item_states.item_id
        ) as newest_first
    from items_changed
    inner join item_states
        on
            items_changed.source_id = item_states.subscription_id
            and cast({{ add_months_to('items_changed.month', 1) }} as timestamp) > item_states.effective_at
),

subscription_evidence as (
    select
        month,
        item_key,
        currency,
        bool_or(is_news) as has_news,
        bool_or(coalesce(is_event_before, false)) as is_event_before_known,
        -- of the newest news
        bool_or(newest_first = 1 and is_made_after) as is_made_after,
        max(case when newest_first = 1 then event_id end) as event_id
    from states_of_changes
    group by 1, 2, 3
),

changes_with_evidence as (
    select
        items_changed.*,
        subscription_evidence.event_id as evidence_id,
        subscription_evidence.item_key is not null or contracts.contract_id is not null as is_source_known,
        internal_accounts.account_id is not null as is_internal_now,
        coalesce(subscription_evidence.has_news, contracts.known_in_load > items_changed.load_before, false) as has_news,
        coalesce(subscription_evidence.is_event_before_known, contracts.contract_id is not null, false) as is_event_before_known,
        coalesce(
            subscription_evidence.is_made_after,
            cast(contracts.signed_date as timestamp) >= cast({{ add_months_to('items_changed.month', 1) }} as timestamp),
            false
        ) as is_made_after
    from items_changed
    left join subscription_evidence
        on
            items_changed.month = subscription_evidence.month
            and items_changed.item_key = subscription_evidence.item_key
            and items_changed.currency = subscription_evidence.currency
    left join contracts
        on items_changed.source_id = contracts.contract_id
    left join internal_accounts
        on items_changed.account_id = internal_accounts.account_id
),

causes_found as (
    select
        changes_with_evidence.*,
        case
            when mrr_native = mrr_native_before then 'none'
            when is_internal_now then 'policy_change'
            when not is_source_known then 'withdrawn'
            when has_news and source = 'contract' and mrr_native_before <> 0 then 'corrected'
            when has_news and is_made_after then 'backdated'
            when has_news then 'late_event'
            when event_before is not null and not is_event_before_known then 'withdrawn'
            when rules_hash_before <> this_build.rules_hash then 'policy_change'
            else 'recalculated'
        end as cause
    from changes_with_evidence
    cross join this_build
),

final as (
    -- that a month was closed, also one in which nobody paid
    select
        this_build.version_number,
        months_to_close.month,
        cast(null as varchar) as item_key,
        cast(null as varchar) as currency,
        cast(null as varchar) as account_id,
        cast(null as varchar) as source_id,
        cast(null as varchar) as source,
        cast(null as varchar) as event_id,
        this_build.newest_load_id,
        this_build.rules_hash,
        'closed' as cause,
        cast(null as decimal(18, 3)) as mrr_native,
        cast(null as decimal(18, 8)) as rate,
        cast(null as timestamp) as held_since_at,
        this_build.recorded_at
    from months_to_close
    cross join this_build

    union all

    select
        this_build.version_number,
        items_closed.month,
        items_closed.item_key,
        items_closed.currency,
        items_closed.account_id,
        items_closed.source_id,
        items_closed.source,
        items_closed.event_id,
        this_build.newest_load_id,
        this_build.rules_hash,
        'closed' as cause,
        items_closed.mrr_native,
        items_closed.rate,
        items_closed.held_since_at,
        this_build.recorded_at
    from items_closed
    cross join this_build

    union all

    select
        this_build.version_number,
        causes_found.month,
        causes_found.item_key,
        causes_found.currency,
        causes_found.account_id,
        causes_found.source_id,
        causes_found.source,
        coalesce(causes_found.evidence_id, causes_found.event_id) as event_id,
        this_build.newest_load_id,
        this_build.rules_hash,
        causes_found.cause,
        cast(causes_found.mrr_native as decimal(18, 3)) as mrr_native,
        causes_found.rate,
        causes_found.held_since_at,
        this_build.recorded_at
    from causes_found
    cross join this_build
)

select * from final
