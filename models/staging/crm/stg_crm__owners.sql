with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'owners'
),

final as (
    select
        crm,
        record_id,
        coalesce(
            {{ clean_text(crm_field('owners', 'owner_name')) }},
            {{ clean_text("concat_ws(' ', " ~ crm_field('owners', 'first_name') ~ ", " ~ crm_field('owners', 'last_name') ~ ")") }}
        ) as owner_name,
        {{ clean_email(crm_field('owners', 'email')) }} as email,
        coalesce({{ crm_field('owners', 'is_active', 'bool') }}, true) as is_active,
        modified_at
    from records
)

select * from final
