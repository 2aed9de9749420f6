with

person_ids as (
    select * from {{ ref('bridge_person_ids') }}
),

ids as (
    select * from {{ ref('int_identity__ids') }}
),

person_traits as (
    select * from {{ ref('int_identity__person_traits') }}
),

person_days as (
    select * from {{ ref('fct_person_days') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

sessions as (
    select * from {{ ref('fct_sessions') }}
),

people_seen as (
    select
        person_ids.person_id,
        max(case when person_ids.id_type = 'user_id' then 1 else 0 end) = 1 as is_identified,
        min(ids.first_seen_at) as first_seen_at,
        max(ids.last_seen_at) as last_seen_at,
        min(ids.first_seen_at) filter (where person_ids.id_type = 'user_id') as first_identified_at
    from person_ids
    inner join ids
        on
            person_ids.id_type = ids.id_type
            and person_ids.id_value = ids.id_value
    group by person_ids.person_id
),

sign_ups as (
    select
        person_id,
        min(first_event_at) filter (where event_name = 'signed_up') as first_sign_up_at,
        min(first_event_at) filter (where event_name = 'page_viewed') as first_page_view_at
    from person_days
    where event_name in ('signed_up', 'page_viewed')
    group by person_id
),

people_signed_up as (
    select
        people_seen.person_id,
        people_seen.is_identified,
        coalesce(sign_ups.first_sign_up_at, people_seen.first_identified_at) as signed_up_at,
        sign_ups.first_page_view_at,
        people_seen.first_seen_at,
        people_seen.last_seen_at
    from people_seen
    left join sign_ups on people_seen.person_id = sign_ups.person_id
),

entries as (
    -- what brought the person: from the first to the last time it came in from outside up to sign-up
    select
        sessions.*,
        row_number() over (
            partition by sessions.person_id
            order by sessions.started_at, sessions.session_id
        ) as rank_from_first,
        row_number() over (
            partition by sessions.person_id
            order by sessions.started_at desc, sessions.session_id desc
        ) as rank_from_last
    from sessions
    inner join people_signed_up on sessions.person_id = people_signed_up.person_id
    where
        sessions.channel <> 'direct'
        and (
            people_signed_up.signed_up_at is null
            or sessions.started_at <= people_signed_up.signed_up_at
        )
),

first_touches as (
    select * from entries
    where rank_from_first = 1
),

last_touches as (
    select * from entries
    where rank_from_last = 1
),

final as (
    select
        people_signed_up.person_id,
        primary_accounts.account_id as primary_account_id,

        person_traits.email,
        person_traits.email_domain,
        coalesce(person_traits.is_business_email, false) as is_business_email,
        person_traits.email_known_date,
        person_traits.first_name,
        person_traits.last_name,
        person_traits.full_name,
        person_traits.title,
        people_signed_up.is_identified,
        case
            when first_touches.channel is not null then first_touches.channel
            when
                people_signed_up.first_page_view_at is not null
                and (
                    people_signed_up.signed_up_at is null
                    or people_signed_up.first_page_view_at <= people_signed_up.signed_up_at
                )
                then 'direct'
            else 'unknown'
        end as first_channel,
        first_touches.campaign as first_campaign,
        first_touches.source as first_source,
        first_touches.medium as first_medium,
        first_touches.referrer_host as first_referrer_host,
        first_touches.landing_url as first_landing_url,
        last_touches.channel as last_channel,
        last_touches.campaign as last_campaign,
        last_touches.source as last_source,
        last_touches.medium as last_medium,
        last_touches.referrer_host as last_referrer_host,
        last_touches.landing_url as last_landing_url,

        first_touches.started_at as first_touched_at,
        last_touches.started_at as last_touched_at,
        people_signed_up.signed_up_at,
        people_signed_up.first_seen_at,
        people_signed_up.last_seen_at
    from people_signed_up
    left join person_traits on people_signed_up.person_id = person_traits.person_id
    left join primary_accounts on people_signed_up.person_id = primary_accounts.person_id
    left join first_touches on people_signed_up.person_id = first_touches.person_id
    left join last_touches on people_signed_up.person_id = last_touches.person_id
)

select * from final
