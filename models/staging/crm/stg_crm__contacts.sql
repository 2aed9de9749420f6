with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'contacts'
),

final as (
    select
        crm,
        record_id,
        {{ clean_text(crm_field('contacts', 'account_record_id')) }} as account_record_id,
        {{ clean_text(crm_field('contacts', 'first_name')) }} as first_name,
        {{ clean_text(crm_field('contacts', 'last_name')) }} as last_name,
        {{ clean_email(crm_field('contacts', 'email')) }} as email,
        {{ clean_text(crm_field('contacts', 'title')) }} as title,
        {{ clean_text(crm_field('contacts', 'company')) }} as company,
        {{ clean_text(crm_field('contacts', 'country')) }} as country,
        {{ clean_text(crm_field('contacts', 'owner_id')) }} as owner_id,
        {{ clean_text(crm_field('contacts', 'external_person_id')) }} as external_person_id,
        is_made_by_sync,
        {{ clean_text(crm_field('contacts', 'lead_source')) }} as lead_source,
        {{ clean_text(crm_field('contacts', 'lifecycle_stage')) }} as lifecycle_stage,
        {{ clean_text(crm_field('contacts', 'status')) }} as status,
        {{ crm_field('contacts', 'mql_at', 'time') }} as mql_at,
        {{ crm_field('contacts', 'sql_at', 'time') }} as sql_at,
        {{ crm_field('contacts', 'created_at', 'time') }} as created_at,
        modified_at
    from records
)

select * from final
