-- Names in the registry are snake_case and say what happened to what. Vague names tell an
-- analyst nothing.
select event_registry.event_name
from {{ ref('event_registry') }} as event_registry
left join {{ ref('vague_event_names') }} as vague_event_names
    on regexp_matches(event_registry.event_name, vague_event_names.pattern)
where
    vague_event_names.pattern is not null
    or not regexp_matches(event_registry.event_name, '^[a-z][a-z0-9]*(_[a-z0-9]+)+$')
