{#- How many months of churn and of costs the smoothed figures look back on, this one included. -#}
{%- set window_months = var('unit_economics_months') -%}
{%- set look_back = 'partition by channel order by month rows between ' ~ (window_months - 1) ~ ' preceding and current row' -%}

with

channel_months as (
    select * from {{ ref('int_economics__channel_months') }}
),

months as (
    select * from {{ ref('int_economics__months') }}
),

all_channels as (
    select
        months.month,
        'all' as channel,
        months.is_complete,
        coalesce(sum(channel_months.spend), 0) as spend,
        coalesce(sum(channel_months.people_cost), 0) as people_cost,
        coalesce(sum(channel_months.tooling_cost), 0) as tooling_cost,
        coalesce(sum(channel_months.new_customers), 0) as new_customers,
        coalesce(sum(channel_months.new_mrr), 0) as new_mrr,
        coalesce(sum(channel_months.customers_at_start), 0) as customers_at_start,
        coalesce(sum(channel_months.customers_lost), 0) as customers_lost,
        coalesce(sum(channel_months.customers_at_end), 0) as customers_at_end,
        coalesce(sum(channel_months.closing_mrr), 0) as closing_mrr
    from months
    left join channel_months on months.month = channel_months.month
    group by 1, 2, 3
),

measured as (
    select
        month,
        channel,
        is_complete,
        spend,
        people_cost,
        tooling_cost,
        new_customers,
        new_mrr,
        customers_at_start,
        customers_lost,
        customers_at_end,
        closing_mrr
    from channel_months

    union all

    select
        month,
        channel,
        is_complete,
        spend,
        people_cost,
        tooling_cost,
        new_customers,
        new_mrr,
        customers_at_start,
        customers_lost,
        customers_at_end,
        closing_mrr
    from all_channels
),

smoothed as (
    select
        *,
        spend + people_cost + tooling_cost as acquisition_cost,
        cast(spend + people_cost + tooling_cost as double) as cost,
        cast(sum(spend + people_cost + tooling_cost) over ({{ look_back }}) as double) as cost_in_window,
        cast(sum(new_customers) over ({{ look_back }}) as double) as new_customers_in_window,
        cast(sum(customers_lost) over ({{ look_back }}) as double) as customers_lost_in_window,
        cast(sum(customers_at_start) over ({{ look_back }}) as double) as customers_at_start_in_window
    from measured
),

rates as (
    -- nothing is divided by nothing: where there is no answer there is none, never infinity
    select
        *,
        case when new_customers > 0 then cost / cast(new_customers as double) end as cac,
        case when new_customers_in_window > 0 then cost_in_window / new_customers_in_window end as cac_smoothed,
        case when new_customers > 0 then cast(new_mrr as double) / cast(new_customers as double) end as new_arpa,
        case when customers_at_end > 0 then cast(closing_mrr as double) / cast(customers_at_end as double) end as arpa,
        case
            when customers_at_start_in_window > 0 then customers_lost_in_window / customers_at_start_in_window
        end as churn_rate
    from smoothed
),

lifetimes as (
    select
        *,
        cac * (1 + {{ var('support_overhead_rate') }}) as effective_cac,
        case when churn_rate > 0 then arpa * {{ var('gross_margin_rate') }} / churn_rate end as ltv
    from rates
),

final as (
    select
        -- keys
        month,
        channel,
        -- attributes
        is_complete,
        -- measures: cost
        cast(spend as decimal(18, 2)) as spend,
        cast(people_cost as decimal(18, 2)) as people_cost,
        cast(tooling_cost as decimal(18, 2)) as tooling_cost,
        cast(acquisition_cost as decimal(18, 2)) as acquisition_cost,
        {{ share_of_money('acquisition_cost', var('support_overhead_rate')) }} as support_overhead,
        -- measures: customers
        cast(new_customers as decimal(18, 10)) as new_customers,
        cast(new_mrr as decimal(18, 2)) as new_mrr,
        cast(customers_at_end as decimal(18, 10)) as customers,
        cast(round(closing_mrr, 2) as decimal(18, 2)) as mrr,
        cast(churn_rate as double) as churn_rate,
        -- measures: what a customer costs and brings
        cast(round(cac, 2) as decimal(28, 2)) as cac,
        cast(round(effective_cac, 2) as decimal(28, 2)) as effective_cac,
        cast(round(cac_smoothed, 2) as decimal(28, 2)) as cac_smoothed,
        cast(round(arpa, 2) as decimal(28, 2)) as arpa,
        cast(round(ltv, 2) as decimal(28, 2)) as ltv,
        cast(case when cac > 0 then ltv / cac end as double) as ltv_to_cac,
        cast(case when effective_cac > 0 then ltv / effective_cac end as double) as ltv_to_effective_cac,
        cast(case when new_arpa > 0 then cac / (new_arpa * {{ var('gross_margin_rate') }}) end as double) as payback_months,
        cast(case when new_arpa > 0 then cac / new_arpa end as double) as payback_months_without_margin
    from lifetimes
)

select * from final
