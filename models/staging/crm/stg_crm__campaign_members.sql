with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'campaign_members'
),

final as (
    select
        crm,
        record_id,
        {{ clean_text(crm_field('campaign_members', 'campaign_id')) }} as campaign_id,
        {{ clean_text(crm_field('campaign_members', 'contact_record_id')) }} as contact_record_id,
        {{ clean_text(crm_field('campaign_members', 'lead_record_id')) }} as lead_record_id,
        {{ clean_text(crm_field('campaign_members', 'status')) }} as status,
        coalesce({{ crm_field('campaign_members', 'has_responded', 'bool') }}, false) as has_responded,
        try_cast(substr({{ crm_field('campaign_members', 'first_responded_date') }}, 1, 10) as date) as first_responded_date,
        {{ crm_field('campaign_members', 'created_at', 'time') }} as created_at,
        modified_at
    from records
)

select * from final
