{%- set measures = [
    'starting_mrr', 'churn_mrr', 'lost_mrr', 'total_new_mrr', 'total_expansion_mrr', 'total_reactivation_mrr',
    'total_contraction_mrr', 'total_churn_mrr', 'total_involuntary_churn_mrr', 'ending_mrr', 'count_accounts_start',
    'count_accounts_churned', 'count_churn_movements', 'count_accounts_end', 'count_people_end',
] -%}

-- Every cut of revenue health adds up to its total, and the total of one month is that of the
-- months: movements, opening, closing, and the losses that net and gross retention tell.
with

rpt_revenue_health as (
    select * from {{ ref('rpt_revenue_health') }}
),

rpt_nrr as (
    select * from {{ ref('rpt_nrr') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

cuts_summed as (
    select
        month,
        window_months,
        dimension,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        count(*) as count_values
    from rpt_revenue_health
    group by 1, 2, 3
),

cuts_apart as (
    select
        'cut does not add up to the total' as finding,
        totals.month,
        cuts.dimension
    from cuts_summed as totals
    inner join cuts_summed as cuts
        on
            totals.month = cuts.month
            and totals.window_months = cuts.window_months
    where
        totals.dimension = 'all'
        and (
            {%- for measure in measures %}
            {{ 'or ' if not loop.first }}totals.{{ measure }} <> cuts.{{ measure }}
            {%- endfor %}
        )
),

months_summed as (
    select
        month,
        sum(opening_mrr) as opening_mrr,
        sum(new_mrr) as new_mrr,
        sum(expansion_mrr) as expansion_mrr,
        -sum(contraction_mrr) as contraction_mrr,
        -sum(churn_mrr) as churn_mrr,
        sum(reactivation_mrr) as reactivation_mrr,
        sum(closing_mrr) as closing_mrr,
        count(case when opening_mrr > 0 then 1 end) as count_accounts_start,
        count(case when closing_mrr > 0 then 1 end) as count_accounts_end
    from mrr_months
    group by month
),

months_apart as (
    select
        'total is not that of the months' as finding,
        months_summed.month,
        'all' as dimension
    from months_summed
    left join rpt_revenue_health as health
        on
            months_summed.month = health.month
            and health.window_months = 1
            and health.dimension = 'all'
    where
        health.starting_mrr is distinct from months_summed.opening_mrr
        or health.total_new_mrr is distinct from months_summed.new_mrr
        or health.total_expansion_mrr is distinct from months_summed.expansion_mrr
        or health.total_contraction_mrr is distinct from months_summed.contraction_mrr
        or health.total_churn_mrr is distinct from months_summed.churn_mrr
        or health.total_reactivation_mrr is distinct from months_summed.reactivation_mrr
        or health.ending_mrr is distinct from months_summed.closing_mrr
        or health.count_accounts_start is distinct from months_summed.count_accounts_start
        or health.count_accounts_end is distinct from months_summed.count_accounts_end
),

retention_apart as (
    select
        'health and retention lost different amounts' as finding,
        rpt_nrr.month,
        rpt_nrr.dimension
    from rpt_nrr
    left join rpt_revenue_health as health
        on
            rpt_nrr.month = health.month
            and rpt_nrr.window_months = health.window_months
            and rpt_nrr.dimension = health.dimension
            and rpt_nrr.dimension_value = health.dimension_value
    where
        rpt_nrr.starting_mrr > 0
        and (
            rpt_nrr.starting_mrr - rpt_nrr.grr_numerator is distinct from health.lost_mrr
            or rpt_nrr.churn_mrr is distinct from health.churn_mrr
            or rpt_nrr.count_accounts_churned is distinct from health.count_accounts_churned
        )
)

select * from cuts_apart
union all
select * from months_apart
union all
select * from retention_apart
