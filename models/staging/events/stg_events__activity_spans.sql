with

event_days as (
    select * from {{ ref('stg_events__event_days') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__activity_spans'
),

event_times as (
    select
        user_id,
        anonymous_id,
        group_id,
        received_date,
        {{ is_page_event('event_name') }} as is_page,
        {{ unnest_times('event_times') }} as event_at
    from event_days
    where
        {{ received_days_to_build() }}
        and {{ is_in_sessions('event_name') }}
),

slots as (
    -- two events of one slot are never further apart than a session's gap: its first and last
    -- time tell all, and there are thousands of events to a slot
    select
        user_id,
        anonymous_id,
        group_id,
        received_date,
        {{ session_slot('event_at') }} as slot_number,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        count(*) as count_events,
        count(*) filter (where is_page) as count_pages
    from event_times
    group by user_id, anonymous_id, group_id, received_date, {{ session_slot('event_at') }}
),

slots_with_previous as (
    select
        *,
        lag(ended_at) over (
            partition by user_id, anonymous_id, group_id, received_date
            order by slot_number
        ) as active_until
    from slots
),

slots_numbered as (
    select
        *,
        sum(case when started_at <= {{ session_alive_until('active_until') }} then 0 else 1 end) over (
            partition by user_id, anonymous_id, group_id, received_date
            order by slot_number
            rows between unbounded preceding and current row
        ) as span_number
    from slots_with_previous
),

final as (
    select
        slots_numbered.user_id,
        slots_numbered.anonymous_id,
        slots_numbered.group_id,
        slots_numbered.received_date,
        cast(sum(slots_numbered.count_events) as bigint) as count_events,
        cast(sum(slots_numbered.count_pages) as bigint) as count_pages,
        min(slots_numbered.started_at) as started_at,
        max(slots_numbered.ended_at) as ended_at,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from slots_numbered
    cross join build_state
    group by
        slots_numbered.user_id,
        slots_numbered.anonymous_id,
        slots_numbered.group_id,
        slots_numbered.received_date,
        slots_numbered.span_number,
        build_state.newest_load_id,
        build_state.rules_hash
)

select * from final
