{%- set dimensions = revenue_dimensions() -%}

with

account_windows as (
    select * from {{ ref('int_revenue__account_windows') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

attributes_summed as (
    -- the accounts that are alike in every cut, once, before they are counted in each
    select
        month,
        window_months,
        cohort,
        segment,
        plan,
        motion,
        sourcing,
        max(case when starting_mrr > 0 then 1 else 0 end) as has_start,
        sum(starting_mrr) as starting_mrr,
        {%- for movement in ['expansion', 'contraction', 'churn', 'reactivation', 'new', 'fx'] %}
        sum({{ movement }}_mrr) as {{ movement }}_mrr,
        {%- endfor %}
        sum(case when starting_mrr > 0 then ending_mrr else 0 end) as ending_mrr,
        sum(case when starting_mrr > 0 then retained_mrr else 0 end) as retained_mrr,
        sum(case when starting_mrr > 0 then kept_mrr else 0 end) as grr_numerator,
        count(case when starting_mrr > 0 then 1 end) as count_accounts_start,
        count(case when expansion_mrr > 0 then 1 end) as count_accounts_expanded,
        count(case when contraction_mrr > 0 then 1 end) as count_accounts_contracted,
        count(case when is_churned then 1 end) as count_accounts_churned,
        count(case when starting_mrr > 0 and ending_mrr > 0 then 1 end) as count_accounts_end
    from account_windows
    group by 1, 2, 3, 4, 5, 6, 7
),

cuts as (
    {% for dimension, value in dimensions.items() %}
    select
        month,
        window_months,
        '{{ dimension }}' as dimension,
        {{ value }} as dimension_value,
        starting_mrr,
        expansion_mrr,
        contraction_mrr,
        churn_mrr,
        reactivation_mrr,
        new_mrr,
        fx_mrr,
        ending_mrr,
        retained_mrr,
        grr_numerator,
        count_accounts_start,
        count_accounts_expanded,
        count_accounts_contracted,
        count_accounts_churned,
        count_accounts_end
    from attributes_summed
    {%- if dimension not in ('all', 'segment', 'motion') %}
    where has_start = 1
    {%- endif %}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

summed as (
    select
        month,
        window_months,
        dimension,
        dimension_value,
        sum(starting_mrr) as starting_mrr,
        {%- for movement in ['expansion', 'contraction', 'churn', 'reactivation', 'new', 'fx'] %}
        sum({{ movement }}_mrr) as {{ movement }}_mrr,
        {%- endfor %}
        sum(ending_mrr) as ending_mrr,
        sum(retained_mrr) {{ '+ sum(reactivation_mrr)' if var('nrr_includes_reactivation') }} as nrr_numerator,
        sum(grr_numerator) as grr_numerator,
        cast(sum(count_accounts_start) as bigint) as count_accounts_start,
        cast(sum(count_accounts_expanded) as bigint) as count_accounts_expanded,
        cast(sum(count_accounts_contracted) as bigint) as count_accounts_contracted,
        cast(sum(count_accounts_churned) as bigint) as count_accounts_churned,
        cast(sum(count_accounts_end) as bigint) as count_accounts_end
    from cuts
    group by 1, 2, 3, 4
),

final as (
    select
        -- keys
        summed.month,
        summed.window_months,
        summed.dimension,
        summed.dimension_value,
        -- measures
        cast(summed.starting_mrr as decimal(18, 2)) as starting_mrr,
        {%- for movement in ['expansion', 'contraction', 'churn', 'reactivation', 'new', 'fx', 'ending'] %}
        cast(summed.{{ movement }}_mrr as decimal(18, 2)) as {{ movement }}_mrr,
        {%- endfor %}
        cast(summed.nrr_numerator as decimal(18, 2)) as nrr_numerator,
        cast(summed.grr_numerator as decimal(18, 2)) as grr_numerator,
        cast(
            case
                when summed.starting_mrr > 0
                    then cast(summed.nrr_numerator as double) / cast(summed.starting_mrr as double)
            end as double
        ) as nrr,
        cast(
            case
                when summed.starting_mrr > 0
                    then cast(summed.grr_numerator as double) / cast(summed.starting_mrr as double)
            end as double
        ) as grr,
        summed.count_accounts_start,
        summed.count_accounts_expanded,
        summed.count_accounts_contracted,
        summed.count_accounts_churned,
        summed.count_accounts_end,
        -- attributes
        cast({{ 'true' if var('nrr_includes_reactivation') else 'false' }} as boolean) as is_reactivation_included,
        {{ add_months_to('summed.month', 1) }} <= as_of.as_of_at as is_complete
    from summed
    cross join as_of
)

select * from final
