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
        {{ person_of_event() }} as person_id,
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
    {{ joins_to_people('touches', 'touched_at') }}
)

select * from final
