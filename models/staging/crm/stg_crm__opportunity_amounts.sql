with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
    where object_name in ('opportunities', 'deals') and not coalesce(is_deleted, false)
),

final as (
    -- every version that landed tells the amount of its time; of one moment the last one holds
    select
        crm,
        record_id as opportunity_record_id,
        {{ crm_field('opportunities', 'amount', 'decimal(18, 2)') }} as amount,
        modified_at as told_at
    from crm_records
    where modified_at is not null
    qualify
        row_number() over (
            partition by crm, record_id, modified_at
            order by load_id desc, file_id desc, line_number desc
        ) = 1
)

select * from final
