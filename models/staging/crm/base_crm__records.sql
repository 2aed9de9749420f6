with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
),

newest_versions as (
    select *
    from crm_records
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
