with

touches as (
    select * from {{ ref('stg_events__touches') }}
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
        touches.message_id,
        coalesce(user_people.person_id, device_spans.person_id, devices.person_id) as person_id,
        touches.anonymous_id,
        touches.channel,
        touches.source,
        touches.medium,
        touches.campaign,
        touches.term,
        touches.content,
        touches.referrer_host,
        touches.landing_url,
        touches.touched_at
    from touches
    left join user_people on touches.user_id = user_people.user_id
    left join devices on touches.anonymous_id = devices.anonymous_id
    left join device_spans
        on
            touches.anonymous_id = device_spans.anonymous_id
            and touches.touched_at >= device_spans.valid_from
            and touches.touched_at < device_spans.valid_to
)

select * from final
