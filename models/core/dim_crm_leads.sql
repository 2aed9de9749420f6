with

crm_leads as (
    select * from {{ ref('stg_crm__leads') }}
),

final as (
    select
        crm,
        record_id,
        converted_account_record_id,
        converted_contact_record_id,
        converted_opportunity_record_id,
        is_converted,
        created_at,
        modified_at
    from crm_leads
)

select * from final
