with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'leads'
),

final as (
    select
        crm,
        record_id,
        {{ clean_text(json_text('record', 'FirstName')) }} as first_name,
        {{ clean_text(json_text('record', 'LastName')) }} as last_name,
        {{ clean_email(json_text('record', 'Email')) }} as email,
        {{ clean_text(json_text('record', 'Company')) }} as company,
        {{ clean_text(json_text('record', 'Status')) }} as status,
        {{ clean_text(json_text('record', 'OwnerId')) }} as owner_id,
        {{ clean_text(json_text('record', 'PLG_Person_Id__c')) }} as external_person_id,
        modified_at
    from records
)

select * from final
