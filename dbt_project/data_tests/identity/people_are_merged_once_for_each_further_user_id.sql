-- The history of merges is complete: a person of n user ids came about by n - 1 merges.
with

users as (
    select
        person_id,
        count(*) as count_users
    from {{ ref('int_identity__user_people') }}
    group by person_id
),

merges as (
    select
        person_id,
        count(*) as count_merges
    from {{ ref('fct_person_merges') }}
    where absorbed_id_type = 'user_id'
    group by person_id
)

select
    users.person_id,
    users.count_users,
    merges.count_merges
from users
left join merges on users.person_id = merges.person_id
where coalesce(merges.count_merges, 0) <> users.count_users - 1
