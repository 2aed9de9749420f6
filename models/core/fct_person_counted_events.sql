with

counted_properties as (
    select * from {{ ref('stg_events__counted_properties') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

device_spans as (
    select * from {{ ref('int_identity__device_spans') }}
),

final as (
    select
        counted_properties.message_id,
        {{ person_of_event() }} as person_id,
        counted_properties.event_name,
        counted_properties.property_value,
        counted_properties.event_at
    from counted_properties
    {{ joins_to_people('counted_properties', 'event_at') }}
)

select * from final
