with

people as (
    select * from {{ ref('int_syncs__salesforce_people') }}
    where object = 'contact'
),

final as (
    select
        person_id as record_key,
        crm_record_id,
        account_id,
        email,
        substr(first_name, 1, 40) as first_name,
        -- Salesforce refuses a contact without a last name
        substr(coalesce(last_name, 'Unknown'), 1, 80) as last_name,
        substr(title, 1, 128) as title,
        signed_up_at,
        activated_at,
        last_seen_at,
        activated_at is not null as is_activated
    from people
)

select * from final
