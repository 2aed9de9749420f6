with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
),

newest_versions as (
    select *
    from crm_records
    where object_name = 'owners'
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
        {{ clean_text(json_text('record', 'Name')) }} as owner_name,
        {{ clean_email(json_text('record', 'Email')) }} as email,
        coalesce({{ json_bool('record', 'IsActive') }}, true) as is_active,
        modified_at
    from newest_versions
    where not coalesce(is_deleted, false)
)

select * from final
