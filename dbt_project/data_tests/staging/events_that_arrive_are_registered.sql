-- An event nobody registered is counted all the same, but nobody promised what it means.
{{ config(severity='warn') }}
select
    event_days.event_name,
    sum(event_days.count_events) as count_events
from {{ ref('stg_events__event_days') }} as event_days
left join {{ ref('event_registry') }} as event_registry
    on event_days.event_name = event_registry.event_name
where event_registry.event_name is null
group by event_days.event_name
