-- Names in the registry are snake_case and say what happened to what. Vague names tell an
-- analyst nothing.
select event_name
from {{ ref('event_registry') }}
where
    not regexp_matches(event_name, '^[a-z][a-z0-9]*(_[a-z0-9]+)+$')
    or event_name in ('user_action', 'button_click', 'button_clicked', 'event_tracked', 'page_action')
