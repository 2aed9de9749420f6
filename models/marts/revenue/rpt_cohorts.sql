{#- A cohort's cut must not change with time: what an account was when it first paid, or its segment. -#}
{%- set dimensions = {
    'all': "'all'", 'segment': 'segment', 'plan': 'plan', 'motion': 'motion', 'sourcing': 'sourcing'
} -%}

with

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

account_month_plans as (
    select * from {{ ref('int_revenue__account_month_plans') }}
),

account_sourcing as (
    select * from {{ ref('fct_account_sourcing') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

months_since_first as (
    select
        *,
        min(month) over (partition by account_id) as cohort_month,
        -- a row for every month, so that months since are rows before
        row_number() over (partition by account_id order by month) - 1 as months_since,
        sum(fx_mrr) over (
            partition by account_id order by month rows between unbounded preceding and current row
        ) as fx_to_date,
        sum(churn_mrr) over (
            partition by account_id order by month rows between unbounded preceding and current row
        ) as churn_to_date,
        -- bought over midnight at the end of a month, it is new in two
        sum(new_mrr) over (partition by account_id) as first_mrr
    from mrr_months
),

accounts_described as (
    select
        months_since_first.account_id,
        months_since_first.month,
        months_since_first.cohort_month,
        months_since_first.months_since,
        months_since_first.first_mrr,
        months_since_first.closing_mrr,
        months_since_first.fx_to_date,
        months_since_first.churn_to_date,
        coalesce(dim_accounts.segment, 'unknown') as segment,
        coalesce(first_plans.plan_key, 'unknown') as plan,
        coalesce(account_sourcing.closing_motion, 'self_serve') as motion,
        coalesce(account_sourcing.sourcing, 'unknown') as sourcing
    from months_since_first
    left join account_month_plans as first_plans
        on
            months_since_first.account_id = first_plans.account_id
            and months_since_first.cohort_month = first_plans.month
    left join dim_accounts
        on months_since_first.account_id = dim_accounts.account_id
    left join account_sourcing
        on months_since_first.account_id = account_sourcing.account_id
),

cuts as (
    {% for dimension, value in dimensions.items() %}
    select
        cohort_month,
        month,
        months_since,
        '{{ dimension }}' as dimension,
        {{ value }} as dimension_value,
        first_mrr,
        closing_mrr,
        fx_to_date,
        churn_to_date
    from accounts_described
    {{ "union all" if not loop.last }}
    {% endfor %}
),

summed as (
    select
        cohort_month,
        months_since,
        dimension,
        dimension_value,
        month,
        count(*) as cohort_accounts,
        count(case when closing_mrr > 0 then 1 end) as retained_accounts,
        count(case when closing_mrr > 0 and churn_to_date < 0 then 1 end) as returned_accounts,
        sum(first_mrr) as cohort_mrr,
        sum(closing_mrr) as closing_mrr,
        sum(case when closing_mrr > 0 then fx_to_date else 0 end) as fx_mrr
    from cuts
    group by 1, 2, 3, 4, 5
),

final as (
    select
        -- keys
        summed.cohort_month,
        cast(summed.months_since as integer) as months_since,
        summed.dimension,
        summed.dimension_value,
        summed.month,
        -- measures
        summed.cohort_accounts,
        summed.retained_accounts,
        summed.returned_accounts,
        cast(summed.retained_accounts * 1.0 / summed.cohort_accounts as double) as logo_retention,
        cast(summed.cohort_mrr as decimal(18, 2)) as cohort_mrr,
        cast(summed.closing_mrr as decimal(18, 2)) as closing_mrr,
        cast(summed.fx_mrr as decimal(18, 2)) as fx_mrr,
        cast(
            case
                when summed.cohort_mrr > 0
                    then cast(summed.closing_mrr as double) / cast(summed.cohort_mrr as double)
            end as double
        ) as revenue_retention,
        -- attributes
        {{ add_months_to('summed.month', 1) }} <= as_of.as_of_at as is_mature
    from summed
    cross join as_of
)

select * from final
