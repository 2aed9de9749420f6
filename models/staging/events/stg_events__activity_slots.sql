with

event_days as (
    select * from {{ ref('stg_events__event_days') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__activity_slots'
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

slots_aggregated as (
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

final as (
    select
        slots_aggregated.user_id,
        slots_aggregated.anonymous_id,
        slots_aggregated.group_id,
        slots_aggregated.received_date,
        slots_aggregated.slot_number,
        slots_aggregated.count_events,
        slots_aggregated.count_pages,
        slots_aggregated.started_at,
        slots_aggregated.ended_at,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from slots_aggregated
    cross join build_state
)

select * from final
