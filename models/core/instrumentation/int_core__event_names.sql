with

event_registry as (
    select * from {{ ref('event_registry') }}
),

event_days as (
    select * from {{ ref('stg_events__event_days') }}
),

names_arriving as (
    select
        event_name,
        cast(sum(count_events) as bigint) as count_events,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at
    from event_days
    group by event_name
),

names as (
    select event_name from event_registry
    union
    select event_name from names_arriving
),

final as (
    select
        names.event_name,
        event_registry.category,
        event_registry.status,
        event_registry.event_name is not null as is_registered,
        coalesce(names_arriving.count_events, 0) as count_events,
        names_arriving.first_event_at,
        names_arriving.last_event_at,
        {{ action_key('names.event_name') }} as action_key
    from names
    left join event_registry on names.event_name = event_registry.event_name
    left join names_arriving on names.event_name = names_arriving.event_name
)

select * from final
