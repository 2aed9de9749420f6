with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'accounts'
),

final as (
    select
        crm,
        record_id,
        {{ clean_text(crm_field('accounts', 'account_name')) }} as account_name,
        {{ clean_text(crm_field('accounts', 'website')) }} as website,
        {{ url_host(crm_field('accounts', 'website')) }} as domain,
        {{ crm_field('accounts', 'employees', 'bigint') }} as employees,
        {{ clean_text(crm_field('accounts', 'industry')) }} as industry,
        {{ clean_text(crm_field('accounts', 'country')) }} as country,
        {{ clean_text(crm_field('accounts', 'parent_record_id')) }} as parent_record_id,
        {{ clean_text(crm_field('accounts', 'owner_id')) }} as owner_id,
        {{ clean_text(crm_field('accounts', 'external_account_id')) }} as external_account_id,
        {{ crm_field('accounts', 'created_at', 'time') }} as created_at,
        modified_at
    from records
)

select * from final
