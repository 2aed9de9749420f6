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
        coalesce(user_people.person_id, device_spans.person_id, devices.person_id) as person_id,
        counted_properties.event_name,
        counted_properties.property_value,
        counted_properties.event_at
    from counted_properties
    left join user_people on counted_properties.user_id = user_people.user_id
    left join devices on counted_properties.anonymous_id = devices.anonymous_id
    left join device_spans
        on
            counted_properties.anonymous_id = device_spans.anonymous_id
            and counted_properties.event_at >= device_spans.valid_from
            and counted_properties.event_at < device_spans.valid_to
)

select * from final
