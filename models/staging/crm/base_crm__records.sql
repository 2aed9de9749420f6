with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
),

objects_named as (
    -- HubSpot's companies and deals are what Salesforce calls accounts and opportunities; its
    -- calls, e-mails, meetings and messages, each numbered for itself, are tasks there
    select
        crm,
        case
            when object_name = 'companies' then 'accounts'
            when object_name = 'deals' then 'opportunities'
            when object_name in ('calls', 'emails', 'meetings', 'communications') then 'tasks'
            else object_name
        end as object_name,
        case
            when object_name in ('calls', 'emails', 'meetings', 'communications')
                then object_name || '-' || record_id
            else record_id
        end as record_id,
        record,
        modified_at,
        is_deleted,
        load_id,
        line_number
    from crm_records
),

newest_versions as (
    select
        *,
        first_value(record) over (
            partition by crm, object_name, record_id
            order by modified_at, load_id, line_number
        ) as first_record
    from objects_named
    qualify
        row_number() over (
            partition by crm, object_name, record_id
            order by modified_at desc, load_id desc, line_number desc
        ) = 1
),

first_versions as (
    -- the macro that knows where each CRM keeps a field reads the column `record`
    select
        crm,
        object_name,
        record_id,
        first_record as record
    from newest_versions
    where object_name in ('contacts', 'leads')
),

made_by_syncs as (
    -- people make contacts without our id; one that bore it when first seen is of our making
    select
        crm,
        object_name,
        record_id
    from first_versions
    where {{ clean_text(crm_field('contacts', 'external_person_id')) }} is not null
),

final as (
    select
        newest_versions.crm,
        newest_versions.object_name,
        newest_versions.record_id,
        newest_versions.record,
        made_by_syncs.record_id is not null as is_made_by_sync,
        newest_versions.modified_at
    from newest_versions
    left join made_by_syncs
        on
            newest_versions.crm = made_by_syncs.crm
            and newest_versions.object_name = made_by_syncs.object_name
            and newest_versions.record_id = made_by_syncs.record_id
    where not coalesce(newest_versions.is_deleted, false)
)

select * from final
