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

counted_calls as (
    select
        message_id,
        user_id,
        anonymous_id,
        event_name,
        properties,
        event_at,
        received_date
    from calls
    where
        {{ received_days_to_build() }}
        and call_type = 'track'
        and exclusion_reason is null
        and event_name in (select event_name from counted_properties)
),

properties_read as (
    select
        counted_calls.message_id,
        counted_calls.user_id,
        counted_calls.anonymous_id,
        counted_calls.event_name,
        {{ clean_text(json_text_of('counted_calls.properties', 'counted_properties.property_name')) }}
            as property_value,
        counted_calls.event_at,
        counted_calls.received_date
    from counted_calls
    inner join counted_properties
        on counted_calls.event_name = counted_properties.event_name
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
