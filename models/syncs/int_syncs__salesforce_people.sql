with

people as (
    select * from {{ ref('int_syncs__people') }}
),

contacts_known as (
    select * from {{ ref('int_syncs__salesforce_matches') }}
    where object = 'contact'
),

leads_known as (
    select * from {{ ref('int_syncs__salesforce_matches') }}
    where object = 'lead'
),

final as (
    -- whichever record exists, a contact before a lead: nobody becomes two people over there
    select
        people.person_id,
        people.account_id,
        people.email,
        people.first_name,
        people.last_name,
        people.title,
        people.signed_up_at,
        people.activated_at,
        people.last_seen_at,
        case
            when contacts_known.record_id is not null then 'contact'
            when leads_known.record_id is not null then 'lead'
            else '{{ var("salesforce_new_person") }}'
        end as object,
        coalesce(contacts_known.record_id, leads_known.record_id) as crm_record_id
    from people
    left join contacts_known on people.person_id = contacts_known.entity_id
    left join leads_known on people.person_id = leads_known.entity_id
)

select * from final
