with

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
),

matches as (
    select
        'account' as object,
        account_id as entity_id,
        record_id,
        confidence
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
        confidence
    from crm_records
    where
        crm = 'salesforce'
        and object = 'contacts'
        and person_id is not null
),

records_assigned as (
    -- two workspaces of one company may match one record: the surest, then the first by id, has it
    select
        *,
        row_number() over (partition by object, record_id order by confidence desc, entity_id) as place_in_record
    from matches
),

entities_assigned as (
    select
        *,
        row_number() over (partition by object, entity_id order by confidence desc, record_id) as place_in_entity
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
