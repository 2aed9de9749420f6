with

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

links as (
    select * from {{ ref('fct_identity_links') }}
    where is_kept
),

emails_claimed as (
    select
        links.id_value as email,
        user_people.person_id,
        max(case when links.evidence = 'verified_email' then 1 else 0 end) as is_verified,
        min(links.first_seen_at) as first_seen_at
    from links
    inner join user_people on links.user_id = user_people.user_id
    where links.id_type = 'email'
    group by links.id_value, user_people.person_id
),

emails_awarded as (
    -- who verified it owns it; among equals who had it first
    select
        email,
        person_id,
        min(first_seen_at) over (partition by email) as first_seen_at,
        row_number() over (
            partition by email
            order by is_verified desc, first_seen_at asc, person_id asc
        ) as claim_rank
    from emails_claimed
),

final as (
    select
        'user_id' as id_type,
        user_id as id_value,
        person_id,
        first_seen_at
    from user_people
    union all
    select
        'anonymous_id' as id_type,
        anonymous_id as id_value,
        person_id,
        first_seen_at
    from devices
    union all
    select
        'email' as id_type,
        email as id_value,
        person_id,
        first_seen_at
    from emails_awarded
    where claim_rank = 1
)

select * from final
