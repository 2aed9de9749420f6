with

months as (
    select * from {{ ref('int_economics__months') }}
),

costs as (
    select * from {{ ref('fct_acquisition_costs') }}
),

customer_credits as (
    select * from {{ ref('int_economics__customer_credits') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

channels as (
    select channel from costs
    union
    select channel from customer_credits
),

costs_by_channel as (
    select
        month,
        channel,
        sum(case when cost_group = 'spend' then amount else 0 end) as spend,
        sum(case when cost_group = 'people' then amount else 0 end) as people_cost,
        sum(case when cost_group = 'tooling' then amount else 0 end) as tooling_cost
    from costs
    group by 1, 2
),

customers_won as (
    select
        cohort_month as month,
        channel,
        sum(credit) as new_customers,
        sum(first_mrr) as new_mrr
    from customer_credits
    group by 1, 2
),

customers_kept as (
    -- an account counts for each channel by the credit the channel has for winning it
    select
        mrr_months.month,
        customer_credits.channel,
        sum(case when mrr_months.opening_mrr > 0 then customer_credits.credit else 0 end) as customers_at_start,
        sum(
            case when mrr_months.opening_mrr > 0 and mrr_months.closing_mrr <= 0 then customer_credits.credit else 0 end
        ) as customers_lost,
        sum(case when mrr_months.closing_mrr > 0 then customer_credits.credit else 0 end) as customers_at_end,
        sum(cast(mrr_months.closing_mrr as decimal(27, 2)) * customer_credits.credit) as closing_mrr
    from mrr_months
    inner join customer_credits on mrr_months.account_id = customer_credits.account_id
    group by 1, 2
),

final as (
    select
        -- keys
        months.month,
        channels.channel,
        -- attributes
        months.is_complete,
        -- measures
        cast(coalesce(costs_by_channel.spend, 0) as decimal(18, 2)) as spend,
        cast(coalesce(costs_by_channel.people_cost, 0) as decimal(18, 2)) as people_cost,
        cast(coalesce(costs_by_channel.tooling_cost, 0) as decimal(18, 2)) as tooling_cost,
        cast(coalesce(customers_won.new_customers, 0) as decimal(18, 10)) as new_customers,
        cast(coalesce(customers_won.new_mrr, 0) as decimal(18, 2)) as new_mrr,
        cast(coalesce(customers_kept.customers_at_start, 0) as decimal(18, 10)) as customers_at_start,
        cast(coalesce(customers_kept.customers_lost, 0) as decimal(18, 10)) as customers_lost,
        cast(coalesce(customers_kept.customers_at_end, 0) as decimal(18, 10)) as customers_at_end,
        -- as exact as credits are: channels add up to the total
        cast(coalesce(customers_kept.closing_mrr, 0) as decimal(38, 12)) as closing_mrr
    from months
    cross join channels
    left join costs_by_channel
        on
            months.month = costs_by_channel.month
            and channels.channel = costs_by_channel.channel
    left join customers_won
        on
            months.month = customers_won.month
            and channels.channel = customers_won.channel
    left join customers_kept
        on
            months.month = customers_kept.month
            and channels.channel = customers_kept.channel
)

select * from final
