with

loop_events as (
    select * from {{ ref('fct_loop_events') }}
    where event_name = 'report_shared'
),

touches as (
    select * from {{ ref('fct_touches') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

shares as (
    -- a link is shared once, however often it is said
    select
        coalesce(share_id, message_id) as share_id,
        person_id as sharer_person_id,
        account_id,
        event_at as shared_at
    from loop_events
    qualify
        row_number() over (
            partition by coalesce(share_id, message_id)
            order by event_at, message_id
        ) = 1
),

visits as (
    -- the link says which share it is; the sharer's own click is no visit
    select
        shares.share_id,
        touches.session_id,
        touches.person_id,
        touches.touched_at,
        touches.is_up_to_signup,
        people.signed_up_at
    from shares
    inner join touches on shares.share_id = touches.content
    inner join people on touches.person_id = people.person_id
    where
        touches.channel = 'shared_link'
        and touches.person_id <> shares.sharer_person_id
        and touches.touched_at >= shares.shared_at
        and touches.touched_at < {{ add_hours('shares.shared_at', 24 * var('share_window_days')) }}
),

signups as (
    -- the last shared link before sign-up has brought the user, and within the share's window
    select
        visits.share_id,
        visits.person_id,
        visits.signed_up_at,
        row_number() over (
            partition by visits.person_id
            order by visits.touched_at desc, visits.session_id desc
        ) as visit_rank
    from visits
    inner join shares on visits.share_id = shares.share_id
    where
        visits.is_up_to_signup
        and visits.signed_up_at < {{ add_hours('shares.shared_at', 24 * var('share_window_days')) }}
),

signups_by_share as (
    select
        share_id,
        count(*) as count_signups,
        min(signed_up_at) as first_signed_up_at
    from signups
    where visit_rank = 1
    group by share_id
),

visits_by_share as (
    select
        share_id,
        count(*) as count_visits,
        count(distinct person_id) as count_visitors
    from visits
    group by share_id
),

final as (
    select
        shares.share_id,
        shares.sharer_person_id,
        shares.account_id,
        coalesce(visits_by_share.count_visits, 0) as count_visits,
        coalesce(visits_by_share.count_visitors, 0) as count_visitors,
        coalesce(signups_by_share.count_signups, 0) as count_signups,
        {{ add_hours('shares.shared_at', 24 * var('share_window_days')) }} <= as_of.as_of_at as is_mature,
        shares.shared_at,
        signups_by_share.first_signed_up_at
    from shares
    cross join as_of
    left join visits_by_share on shares.share_id = visits_by_share.share_id
    left join signups_by_share on shares.share_id = signups_by_share.share_id
    where shares.shared_at <= as_of.as_of_at
)

select * from final
