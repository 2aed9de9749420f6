with

identifies as (
    select * from {{ ref('stg_events__identifies') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

email_domains as (
    select * from {{ ref('free_email_domains') }}
),

denied_ids as (
    select * from {{ ref('denied_ids') }}
),

denied_emails as (
    select distinct id_value
    from denied_ids
    where id_type in ('any', 'email')
),

traits_of_people as (
    select
        coalesce(user_people.person_id, devices.person_id) as person_id,
        case when denied_emails.id_value is null then identifies.email end as email,
        identifies.is_email_verified,
        identifies.first_name,
        identifies.last_name,
        identifies.full_name,
        identifies.title,
        identifies.last_identified_at as told_at
    from identifies
    left join user_people on identifies.user_id = user_people.user_id
    left join devices on identifies.anonymous_id = devices.anonymous_id
    left join denied_emails on identifies.email = denied_emails.id_value
),

emails_of_people as (
    select
        person_id,
        email,
        split_part(email, '@', 2) as email_domain,
        max(case when is_email_verified then 1 else 0 end) as is_verified,
        max(told_at) as told_at
    from traits_of_people
    where email is not null
    group by person_id, email
),

emails_ranked as (
    -- a verified address before one only typed in, work before private, new before old
    select
        emails_of_people.person_id,
        emails_of_people.email,
        emails_of_people.email_domain,
        emails_of_people.is_verified = 1 as is_email_verified,
        email_domains.domain is null as is_business_email,
        row_number() over (
            partition by emails_of_people.person_id
            order by
                emails_of_people.is_verified desc,
                case when email_domains.domain is null then 0 else 1 end,
                emails_of_people.told_at desc,
                emails_of_people.email asc
        ) as email_rank
    from emails_of_people
    left join email_domains on emails_of_people.email_domain = email_domains.domain
),

newest_traits as (
    select
        person_id,
        max_by(first_name, told_at) filter (where first_name is not null) as first_name,
        max_by(last_name, told_at) filter (where last_name is not null) as last_name,
        max_by(full_name, told_at) filter (where full_name is not null) as full_name,
        max_by(title, told_at) filter (where title is not null) as title
    from traits_of_people
    group by person_id
),

final as (
    select
        newest_traits.person_id,
        emails_ranked.email,
        emails_ranked.email_domain,
        coalesce(emails_ranked.is_email_verified, false) as is_email_verified,
        coalesce(emails_ranked.is_business_email, false) as is_business_email,
        newest_traits.first_name,
        newest_traits.last_name,
        coalesce(
            newest_traits.full_name,
            nullif(trim(coalesce(newest_traits.first_name, '') || ' ' || coalesce(newest_traits.last_name, '')), '')
        ) as full_name,
        newest_traits.title
    from newest_traits
    left join emails_ranked
        on
            newest_traits.person_id = emails_ranked.person_id
            and emails_ranked.email_rank = 1
)

select * from final
