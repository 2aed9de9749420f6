with

cash_flows as (
    select * from {{ ref('fct_cohort_cash_flows') }}
    where is_complete
),

rates_of_return as (
    select * from {{ cohort_irr() }}
),

cohorts as (
    select
        cohort_month,
        max(cohort_customers) as customers,
        max(months_since) as months_observed,
        sum(acquisition_cost) as acquisition_cost,
        sum(gross_profit) as gross_profit,
        sum(net_cash_flow) as net_cash_flow,
        min(case when cumulative_cash_flow >= 0 then months_since end) as payback_month
    from cash_flows
    group by cohort_month
),

final as (
    select
        -- keys
        cohorts.cohort_month,
        -- attributes
        cohorts.months_observed >= {{ var('cohort_mature_months') }} as is_mature,
        -- measures
        cohorts.customers,
        cohorts.months_observed,
        cast(cohorts.acquisition_cost as decimal(18, 2)) as acquisition_cost,
        cast(cohorts.gross_profit as decimal(18, 2)) as gross_profit,
        cast(cohorts.net_cash_flow as decimal(18, 2)) as net_cash_flow,
        -- what cost nothing has nothing to pay back
        case when cohorts.acquisition_cost > 0 then cohorts.payback_month end as payback_month,
        -- the return so far of who has had no time says only that there was no time
        cast(
            case
                when cohorts.months_observed >= {{ var('cohort_mature_months') }} then rates_of_return.irr_monthly
            end as double
        ) as irr_monthly,
        cast(
            case
                when cohorts.months_observed >= {{ var('cohort_mature_months') }} then rates_of_return.irr_annual
            end as double
        ) as irr_annual
    from cohorts
    left join rates_of_return on cohorts.cohort_month = rates_of_return.cohort_month
)

select * from final
