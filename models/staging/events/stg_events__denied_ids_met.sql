{%- set days_to_build = received_days_to_build() -%}
with

-- an import for each id: one for all would be kept in memory, every id spelt out; read from the
-- lake, an id is trimmed once and not in every row
{%- for column in ['user_id', 'anonymous_id', 'group_id', 'previous_id'] %}
{{ column }}_events as (
    select * from {{ source('raw', 'events') }}
    where {{ days_to_build }}
),
{% endfor %}
denied_ids as (
    select * from {{ ref('denied_ids') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__denied_ids_met'
),

ids_met as (
    {% for id_type in ['user_id', 'anonymous_id', 'group_id'] %}
    select
        events.received_date,
        '{{ id_type }}' as id_type,
        denied_ids.id_value,
        denied_ids.reason,
        events.event_at
    from {{ id_type }}_events as events
    inner join denied_ids on lower(trim(events.{{ id_type }})) = denied_ids.id_value
    where denied_ids.id_type in ('any', '{{ id_type }}')
    union all
    {% endfor %}
    -- what an alias calls the previous id may be of either kind
    select
        events.received_date,
        case when denied_ids.id_type = 'anonymous_id' then 'anonymous_id' else 'user_id' end as id_type,
        denied_ids.id_value,
        denied_ids.reason,
        events.event_at
    from previous_id_events as events
    inner join denied_ids on lower(trim(events.previous_id)) = denied_ids.id_value
    where denied_ids.id_type in ('any', 'user_id', 'anonymous_id')
),

ids_counted as (
    select
        received_date,
        id_type,
        id_value,
        reason,
        count(*) as count_calls,
        min(event_at) as first_seen_at,
        max(event_at) as last_seen_at
    from ids_met
    group by received_date, id_type, id_value, reason
),

final as (
    select
        ids_counted.received_date,
        ids_counted.id_type,
        ids_counted.id_value,
        ids_counted.reason,
        ids_counted.count_calls,
        ids_counted.first_seen_at,
        ids_counted.last_seen_at,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from ids_counted
    cross join build_state
)

select * from final
