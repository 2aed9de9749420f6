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
        {{ crm_field('leads', 'created_at', 'time') }} as created_at,
        modified_at
    from records
)

select * from final
