with

account_windows as (
    select * from {{ ref('int_revenue__account_windows') }}
),

cuts as (
    {% for dimension in ['all', 'segment', 'plan', 'motion'] %}
    select
        month,
        window_months,
        '{{ dimension }}' as dimension,
        {{ "'all'" if dimension == 'all' else dimension }} as dimension_value,
        starting_mrr,
        expansion_mrr,
        contraction_mrr,
        churn_mrr,
        reactivation_mrr,
        fx_mrr,
        ending_mrr
    from account_windows
    {%- if dimension == 'plan' %}
    where plan is not null
    {%- endif %}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

summed as (
    -- only who had revenue at the start is asked for what became of it
    select
        month,
        window_months,
        dimension,
        dimension_value,
        sum(starting_mrr) as starting_mrr,
        {%- for movement in ['expansion', 'contraction', 'churn', 'reactivation', 'fx', 'ending'] %}
        sum(case when starting_mrr > 0 then {{ movement }}_mrr else 0 end) as {{ movement }}_mrr,
        {%- endfor %}
        -- no account can lose more of its start than all of it
        sum(
            starting_mrr
            - case
                when contraction_mrr + churn_mrr > starting_mrr then starting_mrr
                when starting_mrr > 0 then contraction_mrr + churn_mrr
                else 0
            end
        ) as grr_numerator,
        count(case when starting_mrr > 0 then 1 end) as count_accounts_start,
        count(case when starting_mrr > 0 and expansion_mrr > 0 then 1 end) as count_accounts_expanded,
        count(case when starting_mrr > 0 and contraction_mrr > 0 then 1 end) as count_accounts_contracted,
        count(case when starting_mrr > 0 and churn_mrr > 0 then 1 end) as count_accounts_churned,
        count(case when starting_mrr > 0 and ending_mrr > 0 then 1 end) as count_accounts_end
    from cuts
    group by 1, 2, 3, 4
),

numerators as (
    select
        *,
        starting_mrr + expansion_mrr - contraction_mrr - churn_mrr as nrr_numerator
    from summed
),

final as (
    select
        -- keys
        month,
        window_months,
        dimension,
        dimension_value,
        -- measures
        cast(starting_mrr as decimal(18, 2)) as starting_mrr,
        cast(expansion_mrr as decimal(18, 2)) as expansion_mrr,
        cast(contraction_mrr as decimal(18, 2)) as contraction_mrr,
        cast(churn_mrr as decimal(18, 2)) as churn_mrr,
        cast(reactivation_mrr as decimal(18, 2)) as reactivation_mrr,
        cast(fx_mrr as decimal(18, 2)) as fx_mrr,
        cast(ending_mrr as decimal(18, 2)) as ending_mrr,
        cast(nrr_numerator as decimal(18, 2)) as nrr_numerator,
        cast(grr_numerator as decimal(18, 2)) as grr_numerator,
        cast(case when starting_mrr > 0 then cast(nrr_numerator as double) / cast(starting_mrr as double) end as double) as nrr,
        cast(case when starting_mrr > 0 then cast(grr_numerator as double) / cast(starting_mrr as double) end as double) as grr,
        count_accounts_start,
        count_accounts_expanded,
        count_accounts_contracted,
        count_accounts_churned,
        count_accounts_end
    from numerators
)

select * from final
