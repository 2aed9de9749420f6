with

people as (
    select * from {{ ref('int_syncs__people') }}
),

crm_matches as (
    select * from {{ ref('int_syncs__salesforce_matches') }}
),

final as (
    select
        people.person_id as record_key,
        crm_matches.record_id as crm_record_id,
        people.account_id,
        people.email,
        substr(people.first_name, 1, 40) as first_name,
        -- Salesforce refuses a contact without a last name
        substr(coalesce(people.last_name, 'Unknown'), 1, 80) as last_name,
        substr(people.title, 1, 128) as title,
        people.signed_up_at,
        people.activated_at,
        people.last_seen_at,
        people.activated_at is not null as is_activated
    from people
    left join crm_matches
        on
            crm_matches.object = 'contact'
            and people.person_id = crm_matches.entity_id
)

select * from final
