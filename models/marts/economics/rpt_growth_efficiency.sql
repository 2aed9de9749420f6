{%- set year = 'order by months.month rows between 11 preceding and current row' -%}
{%- set quarter = 'order by months.month rows between 2 preceding and current row' -%}
{%- set quarter_before = 'order by months.month rows between 5 preceding and 3 preceding' -%}

with

months as (
    select * from {{ ref('int_economics__months') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

acquisition_costs as (
    select * from {{ ref('fct_acquisition_costs') }}
),

gtm_costs as (
    select * from {{ ref('fct_gtm_costs') }}
),

revenue_by_month as (
    select
        month,
        sum(closing_mrr) as mrr,
        sum(new_mrr) as new_mrr,
        sum(expansion_mrr) as expansion_mrr
    from mrr_months
    group by month
),

acquisition_by_month as (
    select
        month,
        sum(amount) as acquisition_cost,
        sum(case when cost_kind = 'spend' then amount else 0 end) as spend
    from acquisition_costs
    group by month
),

operating_by_month as (
    select
        month,
        sum(amount) as gtm_cost
    from gtm_costs
    group by month
),

summed as (
    select
        months.month,
        months.is_complete,
        coalesce(revenue_by_month.mrr, 0) as mrr,
        coalesce(acquisition_by_month.acquisition_cost, 0) as acquisition_cost,
        coalesce(acquisition_by_month.spend, 0) + coalesce(operating_by_month.gtm_cost, 0) as operating_cost,
        -- a year before the first month is no year
        count(*) over ({{ year }}) as count_months,
        count(operating_by_month.month) over ({{ year }}) as count_months_with_costs,
        lag(coalesce(revenue_by_month.mrr, 0), 12) over (order by months.month) as mrr_year_ago,
        sum(coalesce(revenue_by_month.mrr, 0)) over ({{ year }}) as revenue_of_year,
        sum(coalesce(revenue_by_month.new_mrr, 0) + coalesce(revenue_by_month.expansion_mrr, 0)) over ({{ year }})
            as new_and_expansion_mrr_of_year,
        sum(coalesce(acquisition_by_month.acquisition_cost, 0)) over ({{ year }}) as acquisition_cost_of_year,
        sum(coalesce(acquisition_by_month.spend, 0) + coalesce(operating_by_month.gtm_cost, 0)) over ({{ year }})
            as operating_cost_of_year,
        sum(coalesce(revenue_by_month.mrr, 0)) over ({{ quarter }}) as revenue_of_quarter,
        sum(coalesce(revenue_by_month.mrr, 0)) over ({{ quarter_before }}) as revenue_of_quarter_before,
        sum(coalesce(acquisition_by_month.acquisition_cost, 0)) over ({{ quarter_before }}) as acquisition_cost_of_quarter_before,
        row_number() over (order by months.month) as month_number
    from months
    left join revenue_by_month on months.month = revenue_by_month.month
    left join acquisition_by_month on months.month = acquisition_by_month.month
    left join operating_by_month on months.month = operating_by_month.month
),

rates as (
    select
        *,
        case when mrr_year_ago > 0 then (cast(mrr as double) / cast(mrr_year_ago as double) - 1) * 100 end
            as arr_growth_pct,
        case
            when revenue_of_year > 0 and count_months_with_costs = 12
                then
                    ({{ var('gross_margin_rate') }} - cast(operating_cost_of_year as double) / cast(revenue_of_year as double))
                    * 100
        end as margin_pct
    from summed
),

final as (
    select
        -- keys
        month,
        -- attributes
        is_complete,
        -- measures
        cast(mrr as decimal(18, 2)) as mrr,
        cast(mrr * 12 as decimal(18, 2)) as arr,
        cast(acquisition_cost as decimal(18, 2)) as acquisition_cost,
        cast(operating_cost as decimal(18, 2)) as operating_cost,
        cast(arr_growth_pct as double) as arr_growth_pct,
        cast(margin_pct as double) as margin_pct,
        cast(arr_growth_pct + margin_pct as double) as rule_of_40,
        cast(
            case
                when count_months = 12 and acquisition_cost_of_year > 0
                    then 12 * cast(new_and_expansion_mrr_of_year as double) / cast(acquisition_cost_of_year as double)
            end as double
        ) as blended_cac_ratio,
        cast(
            case
                when month_number >= 6 and acquisition_cost_of_quarter_before > 0
                    then
                        4 * cast(revenue_of_quarter - revenue_of_quarter_before as double)
                        / cast(acquisition_cost_of_quarter_before as double)
            end as double
        ) as magic_number
    from rates
)

select * from final
