with

sessions as (
    select * from {{ ref('fct_sessions') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

touches as (
    -- who has signed up and comes directly is at work, and was not won again
    select
        sessions.*,
        people.signed_up_at is null or sessions.started_at <= people.signed_up_at as is_up_to_signup,
        sessions.channel = 'direct' as is_direct
    from sessions
    inner join people on sessions.person_id = people.person_id
    where
        sessions.channel <> 'direct'
        or (
            sessions.count_pages > 0
            and (people.signed_up_at is null or sessions.started_at <= people.signed_up_at)
        )
),

touches_ranked as (
    select
        *,
        row_number() over (
            partition by person_id
            order by started_at, session_id
        ) as touch_number,
        row_number() over (
            partition by person_id, is_up_to_signup
            order by started_at, session_id
        ) as rank_from_first,
        row_number() over (
            partition by person_id, is_up_to_signup
            order by started_at desc, session_id desc
        ) as rank_from_last,
        row_number() over (
            partition by person_id, is_up_to_signup, is_direct
            order by started_at, session_id
        ) as rank_from_first_of_kind,
        row_number() over (
            partition by person_id, is_up_to_signup, is_direct
            order by started_at desc, session_id desc
        ) as rank_from_last_of_kind
    from touches
),

final as (
    select
        session_id,
        person_id,
        account_id,
        channel,
        source,
        medium,
        campaign,
        term,
        content,
        referrer_host,
        landing_url,
        cast(touch_number as bigint) as touch_number,
        is_direct,
        is_up_to_signup,
        is_up_to_signup and rank_from_first = 1 as is_first,
        is_up_to_signup and rank_from_last = 1 as is_last,
        is_up_to_signup and not is_direct and rank_from_first_of_kind = 1 as is_first_non_direct,
        is_up_to_signup and not is_direct and rank_from_last_of_kind = 1 as is_last_non_direct,
        started_at as touched_at
    from touches_ranked
)

select * from final
