with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
    where object_name in ('contacts', 'leads') and not coalesce(is_deleted, false)
),

statuses_told as (
    select
        crm,
        object_name,
        record_id,
        'status' as field,
        case
            when object_name = 'leads' then {{ clean_text(crm_field('leads', 'status')) }}
            else {{ clean_text(crm_field('contacts', 'status')) }}
        end as status,
        modified_at
    from crm_records
    union all
    select
        crm,
        object_name,
        record_id,
        'lifecycle_stage' as field,
        {{ clean_text(crm_field('leads', 'lifecycle_stage')) }} as status,
        modified_at
    from crm_records
),

final as (
    -- of every version that landed the first one with it: it was set by then at the latest
    select
        crm,
        object_name as object,
        record_id,
        field,
        lower(status) as status,
        min(modified_at) as first_seen_at
    from statuses_told
    where status is not null and modified_at is not null
    group by crm, object_name, record_id, field, lower(status)
)

select * from final
