with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
),

objects_named as (
    -- HubSpot's companies and deals are what Salesforce calls accounts and opportunities
    select
        crm,
        case object_name
            when 'companies' then 'accounts'
            when 'deals' then 'opportunities'
            else object_name
        end as object_name,
        record_id,
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
