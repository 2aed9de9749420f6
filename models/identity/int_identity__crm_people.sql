with

crm_contacts as (
    select * from {{ ref('stg_crm__contacts') }}
),

crm_leads as (
    select * from {{ ref('stg_crm__leads') }}
),

crm_accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

people_records as (
    select
        crm,
        'contacts' as object,
        record_id,
        account_record_id,
        first_name,
        last_name,
        email,
        title,
        company,
        country,
        external_person_id,
        is_made_by_sync,
        created_at,
        modified_at
    from crm_contacts
    union all
    select
        crm,
        'leads' as object,
        record_id,
        cast(null as varchar) as account_record_id,
        first_name,
        last_name,
        email,
        title,
        company,
        country,
        external_person_id,
        is_made_by_sync,
        created_at,
        modified_at
    from crm_leads
),

final as (
    select
        people_records.crm,
        people_records.object,
        people_records.record_id,
        people_records.account_record_id,
        people_records.first_name,
        people_records.last_name,
        people_records.email,
        people_records.title,
        coalesce(crm_accounts.account_name, people_records.company) as company,
        coalesce(people_records.country, crm_accounts.country) as country,
        people_records.external_person_id,
        people_records.is_made_by_sync,
        people_records.created_at,
        people_records.modified_at
    from people_records
    left join crm_accounts
        on
            people_records.crm = crm_accounts.crm
            and people_records.account_record_id = crm_accounts.record_id
)

select * from final
