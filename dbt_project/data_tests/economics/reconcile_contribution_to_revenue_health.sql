-- Customers and revenue of each motion at a month's end are those revenue reports by motion.
with

contribution as (
    select
        month,
        motion,
        customers,
        mrr
    from {{ ref('rpt_contribution') }}
),

revenue_health as (
    select
        month,
        dimension_value as motion,
        count_accounts_end as customers,
        ending_mrr as mrr
    from {{ ref('rpt_revenue_health') }}
    where dimension = 'motion' and window_months = 1
)

select
    coalesce(contribution.month, revenue_health.month) as month,
    coalesce(contribution.motion, revenue_health.motion) as motion,
    contribution.mrr,
    revenue_health.mrr as mrr_of_revenue
from contribution
full outer join revenue_health
    on
        contribution.month = revenue_health.month
        and contribution.motion = revenue_health.motion
where
    coalesce(contribution.mrr, 0) <> coalesce(revenue_health.mrr, 0)
    or coalesce(contribution.customers, 0) <> coalesce(revenue_health.customers, 0)
