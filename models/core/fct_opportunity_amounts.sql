with

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

opportunity_amounts as (
    select * from {{ ref('stg_crm__opportunity_amounts') }}
),

amounts_in_order as (
    select
        opportunity_amounts.crm,
        opportunity_amounts.opportunity_record_id,
        opportunity_amounts.amount,
        opportunity_amounts.told_at,
        opportunities.account_id,
        opportunities.created_at,
        row_number() over opportunity_history as version_number,
        lag(opportunity_amounts.amount) over opportunity_history as previous_amount
    from opportunity_amounts
    inner join opportunities
        on
            opportunity_amounts.crm = opportunities.crm
            and opportunity_amounts.opportunity_record_id = opportunities.opportunity_id
    window opportunity_history as (
        partition by opportunity_amounts.crm, opportunity_amounts.opportunity_record_id
        order by opportunity_amounts.told_at
    )
),

changes as (
    select * from amounts_in_order
    where
        version_number = 1
        or amount is distinct from previous_amount
),

final as (
    -- nobody knows what it was before the first version that landed: taken to have been the same
    select
        crm,
        opportunity_record_id as opportunity_id,
        account_id,
        amount,
        case when version_number = 1 then least(coalesce(created_at, told_at), told_at) else told_at end as valid_from,
        lead(told_at) over (
            partition by crm, opportunity_record_id order by told_at
        ) as valid_to
    from changes
)

select * from final
