{%- set dimensions = revenue_dimensions() -%}

with

churns as (
    select * from {{ ref('fct_churns') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

cuts as (
    {% for dimension, value in dimensions.items() %}
    select
        month,
        '{{ dimension }}' as dimension,
        {{ value }} as dimension_value,
        churn_type,
        reason,
        account_id,
        churn_mrr
    from churns
    {{ "union all" if not loop.last }}
    {% endfor %}
),

reasons_summed as (
    select
        month,
        dimension,
        dimension_value,
        churn_type,
        reason,
        count(distinct account_id) as count_accounts,
        count(*) as count_movements,
        sum(churn_mrr) as churn_mrr
    from cuts
    group by 1, 2, 3, 4, 5
),

cuts_summed as (
    select
        month,
        dimension,
        dimension_value,
        count(distinct account_id) as count_accounts_all_reasons,
        count(*) as count_movements_all_reasons,
        sum(churn_mrr) as churn_mrr_all_reasons
    from cuts
    group by 1, 2, 3
),

final as (
    select
        -- keys
        reasons_summed.month,
        reasons_summed.dimension,
        reasons_summed.dimension_value,
        reasons_summed.churn_type,
        reasons_summed.reason,
        -- measures
        reasons_summed.count_accounts,
        reasons_summed.count_movements,
        cast(reasons_summed.churn_mrr as decimal(18, 2)) as churn_mrr,
        cuts_summed.count_accounts_all_reasons,
        cuts_summed.count_movements_all_reasons,
        cast(cuts_summed.churn_mrr_all_reasons as decimal(18, 2)) as churn_mrr_all_reasons,
        cast(
            cast(reasons_summed.churn_mrr as double) / cast(cuts_summed.churn_mrr_all_reasons as double) as double
        ) as churn_mrr_share,
        -- attributes
        {{ add_months_to('reasons_summed.month', 1) }} <= as_of.as_of_at as is_complete
    from reasons_summed
    cross join as_of
    inner join cuts_summed
        on
            reasons_summed.month = cuts_summed.month
            and reasons_summed.dimension = cuts_summed.dimension
            and reasons_summed.dimension_value = cuts_summed.dimension_value
)

select * from final
