with

opportunities as (
    select * from {{ ref('stg_crm__opportunities') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
    where object = 'accounts'
),

final as (
    select
        opportunities.crm,
        opportunities.record_id as opportunity_id,
        crm_records.account_id,
        opportunities.account_record_id as crm_account_id,
        opportunities.owner_id,
        opportunities.opportunity_name,
        opportunities.stage,
        opportunities.is_closed,
        opportunities.is_won,
        opportunities.amount,
        opportunities.created_at,
        opportunities.close_date
    from opportunities
    left join crm_records
        on
            opportunities.crm = crm_records.crm
            and opportunities.account_record_id = crm_records.record_id
)

select * from final
