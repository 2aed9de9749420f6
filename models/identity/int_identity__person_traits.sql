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

role_addresses as (
    select * from {{ ref('role_addresses') }}
),

links_dropped as (
    select
        user_id,
        id_value as email,
        max(case when dropped_by_rule = 'denied_edge' then 1 else 0 end) as is_denied
    from {{ ref('fct_identity_links') }}
    where id_type = 'email' and not is_kept
    group by user_id, id_value
),

denied_emails as (
    select distinct id_value
    from denied_ids
    where id_type in ('any', 'email')
),

traits_of_people as (
    select
        coalesce(user_people.person_id, devices.person_id) as person_id,
        case
            when denied_emails.id_value is null and coalesce(links_dropped.is_denied, 0) = 0
                then identifies.email
        end as email,
        -- a function's or a crowd's address: says which company, not who
        links_dropped.email is not null
        or (identifies.user_id is null and role_addresses.local_part is not null) as is_impersonal,
        identifies.is_email_verified,
        identifies.first_name,
        identifies.last_name,
        identifies.full_name,
        identifies.title,
        identifies.last_identified_at as told_at,
        identifies.received_date as known_date
    from identifies
    left join user_people on identifies.user_id = user_people.user_id
    left join devices on identifies.anonymous_id = devices.anonymous_id
    left join denied_emails on identifies.email = denied_emails.id_value
    left join links_dropped
        on
            identifies.user_id = links_dropped.user_id
            and identifies.email = links_dropped.email
    left join role_addresses
        on {{ email_local_part('identifies.email') }} = role_addresses.local_part
),

emails_of_people as (
    select
        person_id,
        email,
        split_part(email, '@', 2) as email_domain,
        max(case when is_email_verified then 1 else 0 end) as is_verified,
        min(case when is_impersonal then 1 else 0 end) as is_impersonal,
        max(told_at) as told_at,
        min(known_date) as known_date
    from traits_of_people
    where email is not null
    group by person_id, email
),

emails_ranked as (
    -- the person's own before info@, verified before only typed in, work before private, new
    -- before old
    select
        emails_of_people.person_id,
        case when emails_of_people.is_impersonal = 0 then emails_of_people.email end as email,
        emails_of_people.email_domain,
        emails_of_people.is_verified = 1 as is_email_verified,
        email_domains.domain is null as is_business_email,
        emails_of_people.known_date as email_known_date,
        row_number() over (
            partition by emails_of_people.person_id
            order by
                emails_of_people.is_impersonal asc,
                emails_of_people.is_verified desc,
                case when email_domains.domain is null then 0 else 1 end,
                emails_of_people.told_at desc,
                emails_of_people.email asc
        ) as email_rank
    from emails_of_people
    left join email_domains on emails_of_people.email_domain = email_domains.domain
),

traits_at_moments as (
    -- two values told at one moment: the greater one, so that every build says the same
    select
        person_id,
        told_at,
        max(first_name) as first_name,
        max(last_name) as last_name,
        max(full_name) as full_name,
        max(title) as title
    from traits_of_people
    group by person_id, told_at
),

newest_traits as (
    select
        person_id,
        max_by(first_name, told_at) filter (where first_name is not null) as first_name,
        max_by(last_name, told_at) filter (where last_name is not null) as last_name,
        max_by(full_name, told_at) filter (where full_name is not null) as full_name,
        max_by(title, told_at) filter (where title is not null) as title
    from traits_at_moments
    group by person_id
),

final as (
    select
        newest_traits.person_id,
        emails_ranked.email,
        emails_ranked.email_domain,
        coalesce(emails_ranked.is_email_verified, false) as is_email_verified,
        coalesce(emails_ranked.is_business_email, false) as is_business_email,
        emails_ranked.email_known_date,
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
