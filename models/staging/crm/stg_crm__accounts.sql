with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
),

newest_versions as (
    select *
    from crm_records
    where object_name = 'accounts'
    qualify
        row_number() over (
            partition by crm, record_id
            order by modified_at desc, load_id desc, line_number desc
        ) = 1
),

final as (
    select
        crm,
        record_id,
        {{ clean_text(json_text('record', 'Name')) }} as account_name,
        {{ clean_text(json_text('record', 'Website')) }} as website,
        {{ url_host(json_text('record', 'Website')) }} as domain,
        {{ json_number('record', 'NumberOfEmployees', 'bigint') }} as employees,
        {{ clean_text(json_text('record', 'Industry')) }} as industry,
        {{ clean_text(json_text('record', 'BillingCountry')) }} as country,
        {{ clean_text(json_text('record', 'ParentId')) }} as parent_record_id,
        {{ clean_text(json_text('record', 'OwnerId')) }} as owner_id,
        {{ clean_text(json_text('record', 'PLG_Account_Id__c')) }} as external_account_id,
        modified_at
    from newest_versions
    where not coalesce(is_deleted, false)
)

select * from final
