with

event_names as (
    select * from {{ ref('int_core__event_names') }}
),

vague_event_names as (
    select * from {{ ref('vague_event_names') }}
),

property_kinds as (
    select * from {{ ref('stg_events__property_kinds') }}
),

expected_properties as (
    select * from {{ ref('stg_events__expected_properties') }}
),

common_properties as (
    {%- for name, kind in var('common_event_properties').items() %}
    select
        '{{ name }}' as property_name,
        '{{ kind }}' as expected_kind
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

vague_names as (
    select
        'vague_name' as finding,
        event_names.event_name,
        cast(null as varchar) as subject,
        'a name that says what happened to what, such as report_created' as expected,
        min(vague_event_names.reason) as observed,
        min(event_names.count_events) as count_events,
        min(event_names.count_events) as count_events_of_name,
        min(event_names.first_event_at) as first_event_at,
        min(event_names.last_event_at) as last_event_at,
        cast(null as varchar) as example_message_id
    from event_names
    inner join vague_event_names on regexp_matches(event_names.event_name, vague_event_names.pattern)
    group by event_names.event_name
),

misnamed as (
    select
        'not_object_action' as finding,
        event_name,
        cast(null as varchar) as subject,
        'object_action in snake_case' as expected,
        'one word, or signs other than letters, digits and _' as observed,
        count_events,
        count_events as count_events_of_name,
        first_event_at,
        last_event_at,
        cast(null as varchar) as example_message_id
    from event_names
    where not regexp_matches(event_name, '^[a-z][a-z0-9]*(_[a-z0-9]+)+$')
),

unregistered as (
    select
        'unregistered' as finding,
        event_name,
        cast(null as varchar) as subject,
        'a row of seeds/event_registry.csv' as expected,
        'none' as observed,
        count_events,
        count_events as count_events_of_name,
        first_event_at,
        last_event_at,
        cast(null as varchar) as example_message_id
    from event_names
    where not is_registered
),

twin_names as (
    -- the name that should go is the one not registered, then the one with fewer events
    select
        'twin_name' as finding,
        event_name,
        first_value(event_name) over twins as subject,
        'one name an action (column replaces of the registry)' as expected,
        'the same words as ' || first_value(event_name) over twins as observed,
        count_events,
        count_events as count_events_of_name,
        first_event_at,
        last_event_at,
        cast(null as varchar) as example_message_id
    from event_names
    window
        twins as (
            partition by action_key
            order by is_registered desc, count_events desc, event_name asc
            rows between unbounded preceding and unbounded following
        )
),

properties_counted as (
    select
        event_name,
        property_name,
        kind,
        sum(count_calls) as count_events,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at,
        min(example_message_id) as example_message_id
    from property_kinds
    group by event_name, property_name, kind
),

properties_judged as (
    select
        counted.event_name,
        counted.property_name,
        counted.kind,
        coalesce(expected_properties.expected_kind, common_properties.expected_kind) as expected_kind,
        expected_properties.property_name is not null as is_required,
        counted.count_events,
        sum(counted.count_events) over (
            partition by counted.event_name, counted.property_name
        ) as count_events_of_name,
        counted.first_event_at,
        counted.last_event_at,
        counted.example_message_id
    from properties_counted as counted
    left join expected_properties
        on
            counted.event_name = expected_properties.event_name
            and counted.property_name = expected_properties.property_name
    left join common_properties on counted.property_name = common_properties.property_name
),

wrong_properties as (
    select
        case when kind in ('missing', 'null') then 'missing_property' else 'wrong_type' end as finding,
        event_name,
        property_name as subject,
        expected_kind as expected,
        kind as observed,
        count_events,
        count_events_of_name,
        first_event_at,
        last_event_at,
        example_message_id
    from properties_judged
    where
        expected_kind is not null
        and kind <> expected_kind
        and not (expected_kind = 'number' and kind = 'integer')
        -- what any event may carry may be absent
        and (is_required or kind not in ('missing', 'null'))
),

findings as (
    select * from vague_names
    union all
    select * from misnamed
    union all
    select * from unregistered
    union all
    select * from twin_names
    where event_name <> subject
    union all
    select * from wrong_properties
),

final as (
    select
        finding,
        event_name,
        coalesce(subject, '') as subject,
        expected,
        observed,
        cast(count_events as bigint) as count_events,
        cast(
            case
                when count_events_of_name > 0 then round(100.0 * count_events / count_events_of_name, 2)
            end as decimal(5, 2)
        ) as share_pct,
        first_event_at,
        last_event_at,
        example_message_id
    from findings
)

select * from final
