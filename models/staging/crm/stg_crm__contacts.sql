with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
),

newest_versions as (
    select *
    from crm_records
    where object_name = 'contacts'
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
        {{ clean_text(json_text('record', 'AccountId')) }} as account_record_id,
        {{ clean_text(json_text('record', 'FirstName')) }} as first_name,
        {{ clean_text(json_text('record', 'LastName')) }} as last_name,
        {{ clean_email(json_text('record', 'Email')) }} as email,
        {{ clean_text(json_text('record', 'Title')) }} as title,
        {{ clean_text(json_text('record', 'OwnerId')) }} as owner_id,
        {{ clean_text(json_text('record', 'PLG_Person_Id__c')) }} as external_person_id,
        modified_at
    from newest_versions
    where not coalesce(is_deleted, false)
)

select * from final
