with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'accounts'
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
    from records
)

select * from final
