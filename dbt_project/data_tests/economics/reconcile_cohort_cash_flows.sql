-- Cohorts together bring the revenue of every month and bear its acquisition costs, support
-- overhead included; nobody is in two cohorts or in none.
with

by_month as (
    select
        month,
        sum(mrr) as mrr,
        sum(customers) as customers,
        sum(acquisition_cost) as acquisition_cost
    from {{ ref('fct_cohort_cash_flows') }}
    group by month
),

unit_economics as (
    select * from {{ ref('rpt_unit_economics') }}
    where channel = 'all'
)

select
    unit_economics.month,
    unit_economics.mrr,
    by_month.mrr as mrr_of_cohorts,
    unit_economics.acquisition_cost + unit_economics.support_overhead as cost,
    by_month.acquisition_cost as cost_of_cohorts
from unit_economics
full outer join by_month on unit_economics.month = by_month.month
where
    unit_economics.mrr is distinct from by_month.mrr
    or unit_economics.customers is distinct from by_month.customers
    -- the overhead is rounded once here and with the cost there
    or abs(unit_economics.acquisition_cost + unit_economics.support_overhead - by_month.acquisition_cost) > 0.01
