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

takings_back as (
    -- from then on the latest evidence has to be looked for anew
    select distinct
        model_key,
        signal_key,
        entity_id,
        expires_date as change_date
    from occurrences
    where is_taken_back
),

changes as (
    select
        model_key,
        signal_key,
        entity_id,
        valid_from as change_date,
        count_units as change_in_count,
        0 as count_taken_back,
        cast(null as timestamp) as last_event_at
    from units
    union all
    select
        model_key,
        signal_key,
        entity_id,
        valid_to as change_date,
        -count_units as change_in_count,
        0 as count_taken_back,
        cast(null as timestamp) as last_event_at
    from units
    union all
    -- evidence can be renewed without the count changing
    select
        model_key,
        signal_key,
        entity_id,
        known_date as change_date,
        0 as change_in_count,
        0 as count_taken_back,
        last_event_at
    from occurrences
    union all
    select
        model_key,
        signal_key,
        entity_id,
        change_date,
        0 as change_in_count,
        1 as count_taken_back,
        cast(null as timestamp) as last_event_at
    from takings_back
    union all
    -- what is left when something is taken back
    select
        takings_back.model_key,
        takings_back.signal_key,
        takings_back.entity_id,
        takings_back.change_date,
        0 as change_in_count,
        0 as count_taken_back,
        occurrences.last_event_at
    from takings_back
    inner join occurrences
        on
            takings_back.model_key = occurrences.model_key
            and takings_back.signal_key = occurrences.signal_key
            and takings_back.entity_id = occurrences.entity_id
            and takings_back.change_date > occurrences.known_date
            and takings_back.change_date < occurrences.expires_date
),

changes_by_day as (
    select
        model_key,
        signal_key,
        entity_id,
        change_date,
        sum(change_in_count) as change_in_count,
        max(count_taken_back) as count_taken_back,
        max(last_event_at) as last_event_at
    from changes
    group by
        model_key,
        signal_key,
        entity_id,
        change_date
),

counts as (
    select
        model_key,
        signal_key,
        entity_id,
        change_date as valid_from,
        lead(change_date) over (
            partition by model_key, signal_key, entity_id order by change_date
        ) as valid_to,
        sum(change_in_count) over so_far as evidence_count,
        sum(count_taken_back) over so_far as count_taken_back,
        last_event_at
    from changes_by_day
    window so_far as (
        partition by model_key, signal_key, entity_id
        order by change_date
        rows between unbounded preceding and current row
    )
),

states as (
    select
        *,
        -- what expires is always older than what remains, so the latest seen is never out of date
        max(last_event_at) over (
            partition by model_key, signal_key, entity_id, count_taken_back
            order by valid_from
            rows between unbounded preceding and current row
        ) as last_seen_at
    from counts
),

final as (
    select
        states.model_key,
        states.signal_key,
        states.entity_id,
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
