with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'opportunities'
),

final as (
    select
        crm,
        record_id,
        {{ clean_text(crm_field('opportunities', 'account_record_id')) }} as account_record_id,
        {{ clean_text(crm_field('opportunities', 'opportunity_name')) }} as opportunity_name,
        {{ clean_text(crm_field('opportunities', 'opportunity_type')) }} as opportunity_type,
        {{ clean_text(crm_field('opportunities', 'stage')) }} as stage,
        {{ crm_field('opportunities', 'amount', 'decimal(18, 2)') }} as amount,
        upper({{ clean_text(crm_field('opportunities', 'currency')) }}) as currency,
        {{ clean_text(crm_field('opportunities', 'lead_source')) }} as lead_source,
        coalesce({{ crm_field('opportunities', 'is_won', 'bool') }}, false) as is_won,
        coalesce({{ crm_field('opportunities', 'is_closed', 'bool') }}, false) as is_closed,
        {{ clean_text(crm_field('opportunities', 'owner_id')) }} as owner_id,
        {{ crm_field('opportunities', 'created_at', 'time') }} as created_at,
        try_cast(substr({{ crm_field('opportunities', 'close_date') }}, 1, 10) as date) as close_date,
        modified_at
    from records
)

select * from final
