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
    select *
    from objects_named
    qualify
        row_number() over (
            partition by crm, object_name, record_id
            order by modified_at desc, load_id desc, line_number desc
        ) = 1
),

final as (
    select
        crm,
        object_name,
        record_id,
        record,
        modified_at
    from newest_versions
    where not coalesce(is_deleted, false)
)

select * from final
