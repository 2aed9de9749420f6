{%- set days_to_build = received_days_to_build() -%}
with

calls as (
    select * from {{ ref('stg_events__calls') }}
    where
        {{ days_to_build }}
        and call_type = 'track'
        and exclusion_reason is null
),

calls_again as (
    -- one import used twice would be kept in memory whole, properties and all
    select * from {{ ref('stg_events__calls') }}
    where
        {{ days_to_build }}
        and call_type = 'track'
        and exclusion_reason is null
),

expected_properties as (
    select * from {{ ref('stg_events__expected_properties') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__property_kinds'
),

common_properties as (
    {%- for name in var('common_event_properties') %}
    select
        {{ loop.index }} as position,
        '{{ name }}' as property_name
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

common_types as (
    -- the combinations are few: count them before they are taken apart
    select
        received_date,
        event_name,
        {{ json_types_of('properties', var('common_event_properties') | list) }} as types,
        count(*) as count_calls,
        min(event_at) as first_event_at,
        max(event_at) as last_event_at,
        min(message_id) as example_message_id
    from calls
    group by 1, 2, 3
),

common_types_taken_apart as (
    select
        received_date,
        event_name,
        {{ json_array_explode('types') }},
        count_calls,
        first_event_at,
        last_event_at,
        example_message_id
    from common_types
),

expected_types as (
    select
        calls.received_date,
        calls.event_name,
        expected_properties.property_name,
        {{ json_type_of('calls.properties', 'expected_properties.property_name') }} as type_name,
        count(*) as count_calls,
        min(calls.event_at) as first_event_at,
        max(calls.event_at) as last_event_at,
        min(calls.message_id) as example_message_id
    from calls_again as calls
    inner join expected_properties on calls.event_name = expected_properties.event_name
    group by 1, 2, 3, 4
),

kinds_seen as (
    select
        taken_apart.received_date,
        taken_apart.event_name,
        common_properties.property_name,
        {{ json_kind_of('taken_apart.element') }} as kind,
        taken_apart.count_calls,
        taken_apart.first_event_at,
        taken_apart.last_event_at,
        taken_apart.example_message_id
    from common_types_taken_apart as taken_apart
    inner join common_properties on taken_apart.position = common_properties.position
    left join expected_properties
        on
            taken_apart.event_name = expected_properties.event_name
            and common_properties.property_name = expected_properties.property_name
    where expected_properties.property_name is null
    union all
    select
        received_date,
        event_name,
        property_name,
        {{ json_kind_of('type_name') }} as kind,
        count_calls,
        first_event_at,
        last_event_at,
        example_message_id
    from expected_types
),

kinds_counted as (
    select
        received_date,
        event_name,
        property_name,
        kind,
        cast(sum(count_calls) as bigint) as count_calls,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at,
        min(example_message_id) as example_message_id
    from kinds_seen
    group by received_date, event_name, property_name, kind
),

final as (
    select
        kinds_counted.received_date,
        kinds_counted.event_name,
        kinds_counted.property_name,
        kinds_counted.kind,
        kinds_counted.count_calls,
        kinds_counted.first_event_at,
        kinds_counted.last_event_at,
        kinds_counted.example_message_id,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from kinds_counted
    cross join build_state
)

select * from final
