with

event_days as (
    select * from {{ ref('stg_events__event_days') }}
),

identifies as (
    select * from {{ ref('stg_events__identifies') }}
),

groups as (
    select * from {{ ref('stg_events__groups') }}
),

aliases as (
    select * from {{ ref('stg_events__aliases') }}
),

sightings as (
    select
        user_id,
        anonymous_id,
        first_event_at as first_seen_at,
        last_event_at as last_seen_at,
        count_events,
        count_events as count_calls,
        received_date
    from event_days
    union all
    select
        user_id,
        anonymous_id,
        first_identified_at as first_seen_at,
        last_identified_at as last_seen_at,
        0 as count_events,
        count_identify_calls as count_calls,
        received_date
    from identifies
    union all
    select
        user_id,
        anonymous_id,
        first_grouped_at as first_seen_at,
        last_grouped_at as last_seen_at,
        0 as count_events,
        count_calls,
        received_date
    from groups
    union all
    select
        user_id,
        anonymous_id,
        first_aliased_at as first_seen_at,
        last_aliased_at as last_seen_at,
        0 as count_events,
        count_calls,
        received_date
    from aliases
),

final as (
    select
        user_id,
        anonymous_id,
        cast(sum(count_events) as bigint) as count_events,
        cast(sum(count_calls) as bigint) as count_calls,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(received_date) as known_date
    from sightings
    group by user_id, anonymous_id
)

select * from final
