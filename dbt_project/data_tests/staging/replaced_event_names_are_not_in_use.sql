-- An old name must not be a registered name itself, or its events would be renamed away.
select
    renames.old_event_name,
    renames.event_name
from {{ ref('stg_events__renames') }} as renames
inner join {{ ref('event_registry') }} as event_registry
    on renames.old_event_name = event_registry.event_name
