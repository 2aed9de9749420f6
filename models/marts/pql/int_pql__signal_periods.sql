with

signals as (
    select * from {{ ref('int_pql__signals') }}
),

units as (
    select * from {{ ref('int_pql__signal_units') }}
),

occurrences as (
    select * from {{ ref('int_pql__occurrences') }}
),

changes as (
    select
        model_key,
        signal_key,
        account_id,
        valid_from as change_date,
        count_units as change_in_count,
        cast(null as timestamp) as last_event_at
    from units
    union all
    select
        model_key,
        signal_key,
        account_id,
        valid_to as change_date,
        -count_units as change_in_count,
        cast(null as timestamp) as last_event_at
    from units
    union all
    -- evidence can be renewed without the count changing
    select
        model_key,
        signal_key,
        account_id,
        known_date as change_date,
        0 as change_in_count,
        last_event_at
    from occurrences
),

changes_by_day as (
    select
        model_key,
        signal_key,
        account_id,
        change_date,
        sum(change_in_count) as change_in_count,
        max(last_event_at) as last_event_at
    from changes
    group by
        model_key,
        signal_key,
        account_id,
        change_date
),

states as (
    select
        model_key,
        signal_key,
        account_id,
        change_date as valid_from,
        lead(change_date) over (
            partition by model_key, signal_key, account_id order by change_date
        ) as valid_to,
        sum(change_in_count) over (
            partition by model_key, signal_key, account_id
            order by change_date
            rows between unbounded preceding and current row
        ) as evidence_count,
        -- what expires is always older than what remains, so the latest seen is never out of date
        max(last_event_at) over (
            partition by model_key, signal_key, account_id
            order by change_date
            rows between unbounded preceding and current row
        ) as last_seen_at
    from changes_by_day
),

final as (
    select
        states.model_key,
        states.signal_key,
        states.account_id,
        states.valid_from,
        states.valid_to,
        cast(states.evidence_count as bigint) as evidence_count,
        states.last_seen_at
    from states
    inner join signals
        on
            states.model_key = signals.model_key
            and states.signal_key = signals.signal_key
    where states.evidence_count >= signals.min_count
)

select * from final
