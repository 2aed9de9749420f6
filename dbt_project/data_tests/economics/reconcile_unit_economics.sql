-- Channels add up to the total; the total's customers and MRR are those of the revenue mart; both
-- motions of rpt_contribution bear the same revenue and all operating costs.
with

unit_economics as (
    select * from {{ ref('rpt_unit_economics') }}
),

growth_efficiency as (
    select * from {{ ref('rpt_growth_efficiency') }}
),

contribution as (
    select
        month,
        sum(mrr) as mrr,
        sum(sales_cost + winning_cost + serving_cost) as operating_cost
    from {{ ref('rpt_contribution') }}
    group by month
),

mrr_months as (
    select
        month,
        sum(closing_mrr) as mrr,
        sum(new_mrr) as new_mrr,
        cast(count(case when closing_mrr > 0 then 1 end) as decimal(18, 10)) as customers
    from {{ ref('fct_mrr_months') }}
    group by month
),

channels as (
    select
        month,
        sum(acquisition_cost) as acquisition_cost,
        sum(new_customers) as new_customers,
        sum(new_mrr) as new_mrr
    from unit_economics
    where channel <> 'all'
    group by month
)

select
    totals.month,
    totals.acquisition_cost,
    channels.acquisition_cost as acquisition_cost_of_channels,
    totals.customers,
    mrr_months.customers as customers_of_revenue,
    totals.mrr,
    mrr_months.mrr as mrr_of_revenue
from unit_economics as totals
left join channels on totals.month = channels.month
left join mrr_months on totals.month = mrr_months.month
left join growth_efficiency on totals.month = growth_efficiency.month
left join contribution on totals.month = contribution.month
where
    totals.channel = 'all'
    and (
        totals.acquisition_cost <> coalesce(channels.acquisition_cost, 0)
        or totals.new_customers <> coalesce(channels.new_customers, 0)
        or totals.new_mrr <> coalesce(channels.new_mrr, 0)
        or totals.customers <> coalesce(mrr_months.customers, 0)
        or totals.mrr <> coalesce(mrr_months.mrr, 0)
        or totals.acquisition_cost <> growth_efficiency.acquisition_cost
        or totals.mrr <> growth_efficiency.mrr
        or totals.mrr <> contribution.mrr
        or growth_efficiency.operating_cost <> contribution.operating_cost
    )
