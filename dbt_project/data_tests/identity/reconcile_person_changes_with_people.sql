-- The changes of all builds add up to the people and ids there are now.
with

changes as (
    select * from {{ ref('int_identity__person_id_changes') }}
),

newest as (
    select *
    from changes
    qualify row_number() over (partition by id_type, id_value order by version_number desc) = 1
),

person_ids as (
    select * from {{ ref('bridge_person_ids') }}
),

people as (
    select count(distinct person_id) as count_people
    from person_ids
),

counted as (
    select coalesce(max_by(count_people, version_number), 0) as count_people
    from {{ ref('rpt_person_changes') }}
)

select
    'id' as problem,
    coalesce(newest.id_type, person_ids.id_type) || ':' || coalesce(newest.id_value, person_ids.id_value) as what
from newest
full join person_ids
    on
        newest.id_type = person_ids.id_type
        and newest.id_value = person_ids.id_value
where newest.person_id is distinct from person_ids.person_id
union all
select
    'number of people' as problem,
    cast(counted.count_people as varchar) || ' is not ' || cast(people.count_people as varchar) as what
from counted
cross join people
where counted.count_people <> people.count_people
