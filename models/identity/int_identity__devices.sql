with

ids as (
    select * from {{ ref('int_identity__ids') }}
),

links as (
    select * from {{ ref('fct_identity_links') }}
    where is_kept
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

device_users as (
    select
        links.id_value as anonymous_id,
        links.user_id,
        user_people.person_id,
        min(links.first_seen_at) as first_seen_at,
        min(links.known_date) as known_date
    from links
    inner join user_people on links.user_id = user_people.user_id
    where links.id_type = 'anonymous_id'
    group by links.id_value, links.user_id, user_people.person_id
),

device_people as (
    select
        anonymous_id,
        count(distinct person_id) as count_people
    from device_users
    group by anonymous_id
),

first_users as (
    select
        anonymous_id,
        user_id,
        person_id,
        known_date,
        row_number() over (
            partition by anonymous_id
            order by first_seen_at, user_id
        ) as user_rank
    from device_users
),

final as (
    select
        ids.id_value as anonymous_id,
        -- what happened before sign-up belongs to the first user that identified the device
        first_users.user_id as first_user_id,
        coalesce(
            first_users.person_id,
            {{ hash_id('per_', "'anonymous_id'", 'ids.id_value') }}
        ) as person_id,
        coalesce(device_people.count_people, 0) as count_people,
        coalesce(device_people.count_people, 0) > 1 as is_shared,
        ids.first_seen_at,
        first_users.known_date
    from ids
    left join first_users
        on
            ids.id_value = first_users.anonymous_id
            and first_users.user_rank = 1
    left join device_people on ids.id_value = device_people.anonymous_id
    where ids.id_type = 'anonymous_id'
)

select * from final
