with

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
),

crm_leads as (
    select * from {{ ref('dim_crm_leads') }}
),

leads_matched as (
    select
        crm_records.person_id,
        crm_records.record_id,
        crm_records.confidence,
        crm_leads.is_converted,
        crm_leads.converted_contact_record_id
    from crm_records
    inner join crm_leads
        on
            crm_records.crm = crm_leads.crm
            and crm_records.record_id = crm_leads.record_id
    where
        crm_records.crm = 'salesforce'
        and crm_records.object = 'leads'
        and crm_records.person_id is not null
),

matches as (
    select
        'account' as object,
        account_id as entity_id,
        record_id,
        confidence,
        1 as is_itself
    from crm_records
    where
        crm = 'salesforce'
        and object = 'accounts'
        and account_id is not null
    union all
    select
        'contact' as object,
        person_id as entity_id,
        record_id,
        confidence,
        1 as is_itself
    from crm_records
    where
        crm = 'salesforce'
        and object = 'contacts'
        and person_id is not null
    union all
    -- what a lead became, also before the contact itself was read back
    select
        'contact' as object,
        person_id as entity_id,
        converted_contact_record_id as record_id,
        confidence,
        0 as is_itself
    from leads_matched
    where converted_contact_record_id is not null
    union all
    select
        'lead' as object,
        person_id as entity_id,
        record_id,
        confidence,
        1 as is_itself
    from leads_matched
    -- a converted lead can be read, and written no more
    where not is_converted
),

records_assigned as (
    -- two workspaces of one company may match one record: the surest, then the first by id, has it
    select
        *,
        row_number() over (
            partition by object, record_id
            order by is_itself desc, confidence desc, entity_id
        ) as place_in_record
    from matches
),

entities_assigned as (
    select
        *,
        row_number() over (
            partition by object, entity_id
            order by is_itself desc, confidence desc, record_id
        ) as place_in_entity
    from records_assigned
    where place_in_record = 1
),

final as (
    select
        object,
        entity_id,
        record_id
    from entities_assigned
    where place_in_entity = 1
)

select * from final
