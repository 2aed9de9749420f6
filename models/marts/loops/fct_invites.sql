with

loop_events as (
    select * from {{ ref('fct_loop_events') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

milestones as (
    select * from {{ ref('fct_person_milestones') }}
    where milestone = 'activation'
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

events_ranked as (
    -- an invitation is sent once, however often it is repeated, and taken up once
    select
        *,
        coalesce(invite_id, message_id) as invite_key,
        row_number() over (
            partition by event_name, coalesce(invite_id, message_id)
            order by event_at, message_id
        ) as event_rank
    from loop_events
    where event_name in ('teammate_invited', 'invite_accepted')
),

sent as (
    select * from events_ranked
    where event_name = 'teammate_invited' and event_rank = 1
),

accepted as (
    select * from events_ranked
    where event_name = 'invite_accepted' and event_rank = 1
),

next_invites as (
    -- the first invitation the invited person sends in turn
    select
        accepted.invite_key,
        min(sent.event_at) as next_invite_at
    from accepted
    inner join sent
        on
            accepted.person_id = sent.person_id
            and accepted.event_at <= sent.event_at
    group by accepted.invite_key
),

final as (
    select
        sent.invite_key as invite_id,
        sent.person_id as inviter_person_id,
        sent.account_id,
        accepted.person_id as invitee_person_id,

        accepted.message_id is not null as is_accepted,
        -- who was a user before is a colleague won for the account, not for the product
        coalesce(people.signed_up_at >= sent.event_at, false) as is_new_user,
        coalesce(
            accepted.event_at < {{ add_hours('sent.event_at', 24 * var('invite_window_days')) }}
            and people.signed_up_at >= sent.event_at,
            false
        ) as is_converted,
        coalesce(
            accepted.event_at < {{ add_hours('sent.event_at', 24 * var('invite_window_days')) }}
            and people.signed_up_at >= sent.event_at
            and milestones.reached_at is not null,
            false
        ) as is_converted_and_activated,
        {{ add_hours('sent.event_at', 24 * var('invite_window_days')) }} <= as_of.as_of_at as is_mature,

        {{ seconds_between('sent.event_at', 'accepted.event_at') }} / 3600 as hours_to_accept,
        {{ seconds_between('accepted.event_at', 'next_invites.next_invite_at') }} / 3600 as hours_to_next_invite,
        {{ seconds_between('sent.event_at', 'next_invites.next_invite_at') }} / 3600 as cycle_hours,

        sent.event_at as sent_at,
        accepted.event_at as accepted_at,
        milestones.reached_at as invitee_activated_at,
        next_invites.next_invite_at
    from sent
    cross join as_of
    left join accepted on sent.invite_key = accepted.invite_key
    left join people on accepted.person_id = people.person_id
    left join milestones on accepted.person_id = milestones.person_id
    left join next_invites on sent.invite_key = next_invites.invite_key
    where sent.event_at <= as_of.as_of_at
)

select * from final
