with

crm_people as (
    select * from {{ ref('int_identity__crm_people') }}
),

person_ids as (
    select * from {{ ref('bridge_person_ids') }}
),

people as (
    select distinct person_id from person_ids
),

candidates as (
    select
        crm_people.crm,
        crm_people.object,
        crm_people.record_id,
        crm_people.account_record_id,
        crm_people.is_made_by_sync,
        people.person_id,
        'external_id' as method,
        1.0 as confidence
    from crm_people
    inner join people on crm_people.external_person_id = people.person_id
    union all
    select
        crm_people.crm,
        crm_people.object,
        crm_people.record_id,
        crm_people.account_record_id,
        crm_people.is_made_by_sync,
        person_ids.person_id,
        'email' as method,
        0.95 as confidence
    from crm_people
    inner join person_ids
        on
            crm_people.email = person_ids.id_value
            and person_ids.id_type = 'email'
),

final as (
    select
        crm,
        object,
        record_id,
        account_record_id,
        is_made_by_sync,
        person_id,
        method,
        cast(confidence as decimal(4, 3)) as confidence
    from candidates
    qualify
        row_number() over (
            partition by crm, object, record_id
            order by confidence desc, person_id asc
        ) = 1
)

select * from final
