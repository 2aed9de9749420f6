with

id_pairs as (
    select * from {{ ref('int_identity__id_pairs') }}
),

aliases as (
    select * from {{ ref('stg_events__aliases') }}
),

ids_of_pairs as (
    select
        'user_id' as id_type,
        user_id as id_value,
        count_events,
        first_seen_at,
        last_seen_at
    from id_pairs
    where user_id is not null
    union all
    select
        'anonymous_id' as id_type,
        anonymous_id as id_value,
        count_events,
        first_seen_at,
        last_seen_at
    from id_pairs
    where anonymous_id is not null
),

known_user_ids as (
    select distinct user_id
    from id_pairs
    where user_id is not null
),

ids_of_aliases as (
    -- what an alias call calls the previous id is a user id if it was ever sent as one
    select
        case when known_user_ids.user_id is null then 'anonymous_id' else 'user_id' end as id_type,
        aliases.previous_id as id_value,
        0 as count_events,
        aliases.first_aliased_at as first_seen_at,
        aliases.last_aliased_at as last_seen_at
    from aliases
    left join known_user_ids on aliases.previous_id = known_user_ids.user_id
),

final as (
    select
        id_type,
        id_value,
        cast(sum(count_events) as bigint) as count_events,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from (
        select * from ids_of_pairs
        union all
        select * from ids_of_aliases
    ) as sightings
    group by id_type, id_value
)

select * from final
