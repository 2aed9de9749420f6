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
        {{ person_of_event() }} as person_id
    from loop_events
    {{ joins_to_people('loop_events', 'event_at') }}
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
