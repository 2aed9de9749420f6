{#- How many months a retention window spans. -#}
{%- set windows = var('nrr_window_months', [1, 3, 12]) -%}

with

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

account_month_plans as (
    select * from {{ ref('int_revenue__account_month_plans') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

months_with_plans as (
    select
        mrr_months.*,
        account_month_plans.plan_key
    from mrr_months
    left join account_month_plans
        on
            mrr_months.account_id = account_month_plans.account_id
            and mrr_months.month = account_month_plans.month
),

-- an account has a row for every month, so that n months are n rows
windows_summed as (
    {% for window_months in windows %}
    select
        account_id,
        month,
        cast({{ window_months }} as integer) as window_months,
        lag(plan_key, {{ window_months }}) over (partition by account_id order by month) as plan_at_start,
        coalesce(lag(closing_mrr, {{ window_months }}) over (partition by account_id order by month), 0) as starting_mrr,
        {%- for movement in ['expansion', 'contraction', 'churn', 'reactivation', 'fx'] %}
        sum({{ movement }}_mrr) over (
            partition by account_id
            order by month
            rows between {{ window_months - 1 }} preceding and current row
        ) as {{ movement }}_mrr,
        {%- endfor %}
        closing_mrr as ending_mrr
    from months_with_plans
    {{ "union all" if not loop.last }}
    {% endfor %}
),

final as (
    select
        -- keys
        windows_summed.account_id,
        windows_summed.month,
        windows_summed.window_months,
        -- attributes
        coalesce(dim_accounts.segment, 'unknown') as segment,
        coalesce(dim_accounts.motion, 'self_serve') as motion,
        windows_summed.plan_at_start as plan,
        -- measures: amounts lost are positive, as they are subtracted
        cast(windows_summed.starting_mrr as decimal(18, 2)) as starting_mrr,
        cast(windows_summed.expansion_mrr as decimal(18, 2)) as expansion_mrr,
        cast(-windows_summed.contraction_mrr as decimal(18, 2)) as contraction_mrr,
        cast(-windows_summed.churn_mrr as decimal(18, 2)) as churn_mrr,
        cast(windows_summed.reactivation_mrr as decimal(18, 2)) as reactivation_mrr,
        cast(windows_summed.fx_mrr as decimal(18, 2)) as fx_mrr,
        cast(windows_summed.ending_mrr as decimal(18, 2)) as ending_mrr
    from windows_summed
    left join dim_accounts
        on windows_summed.account_id = dim_accounts.account_id
)

select * from final
