with

loop_events as (
    select * from {{ ref('stg_events__loop_events') }}
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

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

loop_events_bound as (
    select
        loop_events.*,
        coalesce(user_people.person_id, device_spans.person_id, devices.person_id) as person_id
    from loop_events
    left join user_people on loop_events.user_id = user_people.user_id
    left join devices on loop_events.anonymous_id = devices.anonymous_id
    left join device_spans
        on
            loop_events.anonymous_id = device_spans.anonymous_id
            and loop_events.event_at >= device_spans.valid_from
            and loop_events.event_at < device_spans.valid_to
),

final as (
    select
        loop_events_bound.message_id,
        loop_events_bound.event_name,
        loop_events_bound.person_id,
        coalesce(loop_events_bound.group_id, primary_accounts.account_id) as account_id,
        loop_events_bound.invite_id,
        loop_events_bound.share_id,
        loop_events_bound.event_at
    from loop_events_bound
    left join primary_accounts on loop_events_bound.person_id = primary_accounts.person_id
)

select * from final
