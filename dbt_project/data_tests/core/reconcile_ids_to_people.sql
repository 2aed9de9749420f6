-- People are conserved: every raw id has its person, every person has an id, and dim_people
-- has each of them once.
with

ids as (
    select
        id_type,
        id_value
    from {{ ref('int_identity__ids') }}
),

person_ids as (
    select * from {{ ref('bridge_person_ids') }}
    where id_type in ('user_id', 'anonymous_id')
),

people as (
    select person_id from {{ ref('dim_people') }}
)

select
    'id without a person' as problem,
    ids.id_type || ':' || ids.id_value as what
from ids
left join person_ids on ids.id_type = person_ids.id_type and ids.id_value = person_ids.id_value
where person_ids.person_id is null
union all
select
    'person of no id that was ever seen' as problem,
    person_ids.id_type || ':' || person_ids.id_value as what
from person_ids
left join ids on person_ids.id_type = ids.id_type and person_ids.id_value = ids.id_value
where ids.id_value is null
union all
select
    'person not in dim_people' as problem,
    person_ids.person_id as what
from person_ids
left join people on person_ids.person_id = people.person_id
where people.person_id is null
union all
select
    'person in dim_people without an id' as problem,
    people.person_id as what
from people
left join person_ids on people.person_id = person_ids.person_id
where person_ids.person_id is null
