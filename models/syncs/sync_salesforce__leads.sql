with

people as (
    select * from {{ ref('int_syncs__salesforce_people') }}
    where object = 'lead'
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

final as (
    select
        people.person_id as record_key,
        people.crm_record_id,
        people.account_id,
        people.email,
        substr(people.first_name, 1, 40) as first_name,
        -- Salesforce refuses a lead without a last name or a company
        substr(coalesce(people.last_name, 'Unknown'), 1, 80) as last_name,
        substr(people.title, 1, 128) as title,
        substr(coalesce(accounts.account_name, accounts.domain, people.account_id), 1, 255) as company,
        people.signed_up_at,
        people.activated_at,
        people.last_seen_at,
        people.activated_at is not null as is_activated
    from people
    left join accounts on people.account_id = accounts.account_id
)

select * from final
