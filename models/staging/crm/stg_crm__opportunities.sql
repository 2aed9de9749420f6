with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
),

newest_versions as (
    select *
    from crm_records
    where object_name = 'opportunities'
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
        {{ clean_text(json_text('record', 'AccountId')) }} as account_record_id,
        {{ clean_text(json_text('record', 'Name')) }} as opportunity_name,
        {{ clean_text(json_text('record', 'StageName')) }} as stage,
        {{ json_number('record', 'Amount', 'decimal(18, 2)') }} as amount,
        coalesce({{ json_bool('record', 'IsWon') }}, false) as is_won,
        coalesce({{ json_bool('record', 'IsClosed') }}, false) as is_closed,
        {{ clean_text(json_text('record', 'OwnerId')) }} as owner_id,
        {{ json_time('record', 'CreatedDate') }} as created_at,
        try_cast(substr({{ json_text('record', 'CloseDate') }}, 1, 10) as date) as close_date,
        modified_at
    from newest_versions
    where not coalesce(is_deleted, false)
)

select * from final
