with

months as (
    select * from {{ ref('int_economics__months') }}
),

acquisition_costs as (
    select * from {{ ref('fct_acquisition_costs') }}
),

customer_credits as (
    select * from {{ ref('int_economics__customer_credits') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

customers as (
    select
        account_id,
        min(cohort_month) as cohort_month
    from customer_credits
    group by account_id
),

costs_by_cohort as (
    select
        month as cohort_month,
        sum(amount) as acquisition_cost
    from acquisition_costs
    group by month
),

revenue_by_cohort as (
    select
        customers.cohort_month,
        mrr_months.month,
        sum(mrr_months.closing_mrr) as mrr,
        count(case when mrr_months.closing_mrr > 0 then 1 end) as customers
    from mrr_months
    inner join customers on mrr_months.account_id = customers.account_id
    group by 1, 2
),

customers_by_cohort as (
    select
        cohort_month,
        count(*) as cohort_customers
    from customers
    group by cohort_month
),

cohort_months as (
    select
        cohorts.month as cohort_month,
        months.month,
        months.is_complete
    from months as cohorts
    inner join months on cohorts.month <= months.month
),

flows as (
    select
        cohort_months.cohort_month,
        cohort_months.month,
        cohort_months.is_complete,
        row_number() over (
            partition by cohort_months.cohort_month
            order by cohort_months.month
        ) - 1 as months_since,
        coalesce(customers_by_cohort.cohort_customers, 0) as cohort_customers,
        coalesce(revenue_by_cohort.customers, 0) as customers,
        cast(coalesce(revenue_by_cohort.mrr, 0) as decimal(18, 2)) as mrr,
        {{ share_of_money('coalesce(revenue_by_cohort.mrr, 0)', var('gross_margin_rate')) }}
            as gross_profit,
        case
            when cohort_months.cohort_month = cohort_months.month
                then {{ share_of_money('coalesce(costs_by_cohort.acquisition_cost, 0)', '1 + ' ~ var('support_overhead_rate')) }}
            else 0
        end as acquisition_cost
    from cohort_months
    left join customers_by_cohort on cohort_months.cohort_month = customers_by_cohort.cohort_month
    left join costs_by_cohort on cohort_months.cohort_month = costs_by_cohort.cohort_month
    left join revenue_by_cohort
        on
            cohort_months.cohort_month = revenue_by_cohort.cohort_month
            and cohort_months.month = revenue_by_cohort.month
),

final as (
    select
        -- keys
        cohort_month,
        month,
        -- attributes
        months_since,
        is_complete,
        -- measures
        cohort_customers,
        customers,
        cast(mrr as decimal(18, 2)) as mrr,
        cast(gross_profit as decimal(18, 2)) as gross_profit,
        cast(acquisition_cost as decimal(18, 2)) as acquisition_cost,
        cast(gross_profit - acquisition_cost as decimal(18, 2)) as net_cash_flow,
        cast(
            sum(gross_profit - acquisition_cost) over (
                partition by cohort_month
                order by month
            ) as decimal(18, 2)
        ) as cumulative_cash_flow
    from flows
)

select * from final
