-- The history of merges is complete: a person of n user ids came about by n - 1 merges.
with

people_of_users as (
    select
        person_id,
        count(*) as count_users
    from {{ ref('int_identity__user_people') }}
    group by person_id
),

people_merged as (
    select
        person_id,
        count(*) as count_merges
    from {{ ref('fct_person_merges') }}
    where absorbed_id_type = 'user_id'
    group by person_id
)

select
    people_of_users.person_id,
    people_of_users.count_users,
    people_merged.count_merges
from people_of_users
left join people_merged on people_of_users.person_id = people_merged.person_id
where coalesce(people_merged.count_merges, 0) <> people_of_users.count_users - 1
