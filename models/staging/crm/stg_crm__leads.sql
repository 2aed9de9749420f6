with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'leads'
),

final as (
    select
        crm,
        record_id,
        {{ clean_text(crm_field('leads', 'first_name')) }} as first_name,
        {{ clean_text(crm_field('leads', 'last_name')) }} as last_name,
        {{ clean_email(crm_field('leads', 'email')) }} as email,
        {{ clean_text(crm_field('leads', 'title')) }} as title,
        {{ clean_text(crm_field('leads', 'company')) }} as company,
        {{ clean_text(crm_field('leads', 'country')) }} as country,
        {{ clean_text(crm_field('leads', 'status')) }} as status,
        {{ clean_text(crm_field('leads', 'owner_id')) }} as owner_id,
        {{ clean_text(crm_field('leads', 'external_person_id')) }} as external_person_id,
        is_made_by_sync,
        {{ clean_text(crm_field('leads', 'lead_source')) }} as lead_source,
        {{ clean_text(crm_field('leads', 'lifecycle_stage')) }} as lifecycle_stage,
        coalesce({{ crm_field('leads', 'is_converted', 'bool') }}, false) as is_converted,
        try_cast(substr({{ crm_field('leads', 'converted_date') }}, 1, 10) as date) as converted_date,
        {{ clean_text(crm_field('leads', 'converted_account_record_id')) }} as converted_account_record_id,
        {{ clean_text(crm_field('leads', 'converted_contact_record_id')) }} as converted_contact_record_id,
        {{ clean_text(crm_field('leads', 'converted_opportunity_record_id')) }} as converted_opportunity_record_id,
        {{ crm_field('leads', 'mql_at', 'time') }} as mql_at,
        {{ crm_field('leads', 'sql_at', 'time') }} as sql_at,
        {{ crm_field('leads', 'created_at', 'time') }} as created_at,
        modified_at
    from records
)

select * from final
