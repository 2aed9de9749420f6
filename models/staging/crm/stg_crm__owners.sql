with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'owners'
),

final as (
    select
        crm,
        record_id,
        {{ clean_text(json_text('record', 'Name')) }} as owner_name,
        {{ clean_email(json_text('record', 'Email')) }} as email,
        coalesce({{ json_bool('record', 'IsActive') }}, true) as is_active,
        modified_at
    from records
)

select * from final
