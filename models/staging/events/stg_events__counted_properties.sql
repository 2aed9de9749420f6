with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

milestone_counted_properties as (
    select * from {{ ref('milestone_counted_properties') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__counted_properties'
),

counted_properties as (
    select
        event_name,
        property_name
    from milestone_counted_properties
    where product_line = {{ product_line() }}
),

properties_read as (
    select
        calls.message_id,
        calls.user_id,
        calls.anonymous_id,
        calls.event_name,
        {{ clean_text(json_text_of('calls.properties', 'counted_properties.property_name')) }} as property_value,
        calls.event_at,
        calls.received_date
    from calls
    inner join counted_properties
        on calls.event_name = counted_properties.event_name
    where
        {{ received_days_to_build('calls.received_date') }}
        and calls.call_type = 'track'
        and calls.exclusion_reason is null
),

final as (
    select
        properties_read.message_id,
        properties_read.user_id,
        properties_read.anonymous_id,
        properties_read.event_name,
        properties_read.property_value,
        properties_read.event_at,
        properties_read.received_date,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from properties_read
    cross join build_state
)

select * from final
