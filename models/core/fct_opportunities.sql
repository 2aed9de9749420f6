with

opportunities as (
    select * from {{ ref('stg_crm__opportunities') }}
),

opportunity_stages as (
    select * from {{ ref('stg_crm__opportunity_stages') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
    where object = 'accounts'
),

crm_deal_types as (
    select * from {{ ref('crm_deal_types') }}
),

opportunities_typed as (
    -- the first rule that fits
    select
        opportunities.crm,
        opportunities.record_id,
        crm_deal_types.deal_type
    from opportunities
    inner join crm_deal_types on lower(opportunities.opportunity_type) like crm_deal_types.pattern
    qualify row_number() over (
        partition by opportunities.crm, opportunities.record_id
        order by crm_deal_types.rule_number
    ) = 1
),

final as (
    select
        opportunities.crm,
        opportunities.record_id as opportunity_id,
        crm_records.account_id,
        opportunities.account_record_id as crm_account_id,
        opportunities.owner_id,
        opportunities.opportunity_name,
        opportunities.opportunity_type,
        case
            when opportunities.opportunity_type is null then 'new_business'
            else coalesce(opportunities_typed.deal_type, 'other')
        end as deal_type,
        opportunities.stage,
        opportunities.is_closed,
        opportunities.is_won,
        opportunities.amount,
        opportunities.currency,
        opportunities.lead_source,
        opportunities.created_at,
        opportunities.close_date,
        -- the close date is what Sales answer for; the history adds the moment where it agrees, and
        -- is asked where the date was left in the future or empty
        case
            when not opportunities.is_closed and not opportunities.is_won then null
            when cast(opportunity_stages.entered_at as date) = opportunities.close_date then opportunity_stages.entered_at
            when coalesce(opportunities.close_date > cast(opportunities.modified_at as date), opportunities.close_date is null)
                then coalesce(opportunity_stages.entered_at, opportunities.modified_at)
            else cast(opportunities.close_date as timestamp)
        end as closed_at
    from opportunities
    left join opportunity_stages
        on
            opportunities.crm = opportunity_stages.crm
            and opportunities.record_id = opportunity_stages.opportunity_record_id
            and opportunities.stage = opportunity_stages.stage
    left join opportunities_typed
        on
            opportunities.crm = opportunities_typed.crm
            and opportunities.record_id = opportunities_typed.record_id
    left join crm_records
        on
            opportunities.crm = crm_records.crm
            and opportunities.account_record_id = crm_records.record_id
)

select * from final
