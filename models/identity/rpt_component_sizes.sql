with

person_ids as (
    select * from {{ ref('bridge_person_ids') }}
),

links as (
    select * from {{ ref('fct_identity_links') }}
    where is_kept
),

ids_by_kind as (
    select
        id_type,
        person_id
    from person_ids
    union all
    select
        'any' as id_type,
        person_id
    from person_ids
),

people_sized as (
    select
        id_type,
        person_id,
        count(*) as count_ids
    from ids_by_kind
    group by id_type, person_id
),

sizes as (
    select
        id_type,
        count(*) as count_people,
        cast(sum(count_ids) as bigint) as count_ids,
        cast(avg(count_ids) as double) as mean_ids,
        cast({{ percentile('count_ids', 0.99) }} as double) as p99_ids,
        max(count_ids) as max_ids
    from people_sized
    group by id_type
),

largest as (
    select
        id_type,
        person_id
    from people_sized
    qualify row_number() over (partition by id_type order by count_ids desc, person_id asc) = 1
),

ends as (
    select
        id_type,
        id_value,
        'user_id:' || user_id as other_id
    from links
    union all
    select
        'user_id' as id_type,
        user_id as id_value,
        id_type || ':' || id_value as other_id
    from links
),

ids_connected as (
    select
        id_type,
        id_value,
        count(distinct other_id) as count_others
    from ends
    group by id_type, id_value
),

most_connected as (
    select
        id_type,
        id_value,
        count_others
    from ids_connected
    qualify row_number() over (partition by id_type order by count_others desc, id_value asc) = 1
),

final as (
    select
        sizes.id_type,
        largest.person_id as largest_person_id,
        most_connected.id_value as most_connected_id,
        sizes.count_people,
        sizes.count_ids,
        sizes.mean_ids,
        sizes.p99_ids,
        sizes.max_ids,
        most_connected.count_others as most_connected_others
    from sizes
    inner join largest on sizes.id_type = largest.id_type
    left join most_connected on sizes.id_type = most_connected.id_type
)

select * from final
