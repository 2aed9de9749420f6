with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
    where object_name = 'pqls' and not coalesce(is_deleted, false)
),

versions as (
    select
        crm,
        record_id,
        {{ clean_text(crm_field('pqls', 'pql_key')) }} as pql_key,
        {{ clean_text(crm_field('pqls', 'handoff_id')) }} as handoff_id,
        lower({{ clean_text(crm_field('pqls', 'handoff_status')) }}) as crm_status,
        lower({{ clean_text(crm_field('pqls', 'rejection_reason')) }}) as rejection_reason,
        {{ crm_field('pqls', 'status_at', 'time') }} as status_at,
        {{ clean_text(crm_field('pqls', 'owner_id')) }} as owner_id,
        modified_at
    from crm_records
    where modified_at is not null
    qualify
        row_number() over (
            partition by crm, record_id, modified_at
            order by load_id desc, file_id desc, line_number desc
        ) = 1
),

final as (
    -- the key our sync writes: the model, a bar, our account
    select
        crm,
        record_id,
        handoff_id,
        nullif(split_part(pql_key, '|', 1), '') as model_key,
        nullif(split_part(pql_key, '|', 2), '') as account_id,
        crm_status,
        rejection_reason,
        status_at,
        owner_id,
        modified_at
    from versions
)

select * from final
