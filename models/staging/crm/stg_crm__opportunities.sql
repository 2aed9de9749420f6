with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'opportunities'
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
    from records
)

select * from final
