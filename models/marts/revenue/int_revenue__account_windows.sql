{#- How many months a retention window spans. -#}
{%- set windows = var('nrr_window_months') -%}
{%- set movements = ['new', 'expansion', 'contraction', 'churn', 'reactivation', 'fx'] -%}
{%- set runnings = movements + ['involuntary_churn', 'count_churn_movements'] -%}

with

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
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

churn_months as (
    select
        account_id,
        {{ month_start('movement_date') }} as month,
        -- one day can have several causes
        count(distinct movement_date) as count_churn_movements,
        -sum(case when cause = 'involuntary' then amount else 0 end) as involuntary_churn_mrr
    from mrr_movements
    where movement_type = 'churn'
    group by 1, 2
),

running_totals as (
    select
        mrr_months.account_id,
        mrr_months.month,
        mrr_months.closing_mrr,
        account_month_plans.plan_key,
        max(account_month_plans.month) over account_history as last_paid_month,
        min(mrr_months.month) over account_history as cohort_month,
        cast(sum(mrr_months.new_mrr) over account_history as decimal(18, 2)) as new_to_date,
        cast(sum(mrr_months.expansion_mrr) over account_history as decimal(18, 2)) as expansion_to_date,
        cast(-sum(mrr_months.contraction_mrr) over account_history as decimal(18, 2)) as contraction_to_date,
        cast(-sum(mrr_months.churn_mrr) over account_history as decimal(18, 2)) as churn_to_date,
        cast(sum(mrr_months.reactivation_mrr) over account_history as decimal(18, 2)) as reactivation_to_date,
        cast(sum(mrr_months.fx_mrr) over account_history as decimal(18, 2)) as fx_to_date,
        cast(sum(coalesce(churn_months.involuntary_churn_mrr, 0)) over account_history as decimal(18, 2)) as involuntary_churn_to_date,
        cast(sum(coalesce(churn_months.count_churn_movements, 0)) over account_history as bigint) as count_churn_movements_to_date
    from mrr_months
    left join account_month_plans
        on
            mrr_months.account_id = account_month_plans.account_id
            and mrr_months.month = account_month_plans.month
    left join churn_months
        on
            mrr_months.account_id = churn_months.account_id
            and mrr_months.month = churn_months.month
    window account_history as (
        partition by mrr_months.account_id
        order by mrr_months.month
        rows between unbounded preceding and current row
    )
),

-- an account has a row for every month, so that n months ago are n rows back
months_with_starts as (
    select
        *,
        {%- for window_months in windows %}
        lag(plan_key, {{ window_months }}) over months_in_order as plan_{{ window_months }}_ago,
        coalesce(lag(closing_mrr, {{ window_months }}) over months_in_order, 0) as closing_{{ window_months }}_ago,
        {%- for running in runnings %}
        coalesce(lag({{ running }}_to_date, {{ window_months }}) over months_in_order, 0) as {{ running }}_{{ window_months }}_ago,
        {%- endfor %}
        {%- endfor %}
        {{ add_months_to('month', 1) }} as ends_before
    from running_totals
    window months_in_order as (partition by account_id order by month)
),

windows_summed as (
    {% for window_months in windows %}
    select
        account_id,
        month,
        cast({{ window_months }} as integer) as window_months,
        {{ add_months_to('month', 1 - window_months) }} as starts_on,
        ends_before,
        cohort_month,
        plan_{{ window_months }}_ago as plan_at_start,
        plan_key as plan_at_end,
        last_paid_month,
        closing_{{ window_months }}_ago as starting_mrr,
        closing_mrr as ending_mrr,
        count_churn_movements_to_date - count_churn_movements_{{ window_months }}_ago as count_churn_movements,
        involuntary_churn_to_date - involuntary_churn_{{ window_months }}_ago as total_involuntary_churn_mrr,
        {%- for movement in movements %}
        {{ movement }}_to_date - {{ movement }}_{{ window_months }}_ago as total_{{ movement }}_mrr{{ "," if not loop.last }}
        {%- endfor %}
    from months_with_starts
    {{ "union all" if not loop.last }}
    {% endfor %}
),

losses_weighed as (
    -- Nobody loses more than the start and what it was expanded by. What is lost beyond that had
    -- come from a return or an exchange rate, or was new with a purchase of the evening before the
    -- window, and is taken off these.
    select
        *,
        case
            when total_contraction_mrr + total_churn_mrr > starting_mrr + total_expansion_mrr
                then total_contraction_mrr + total_churn_mrr - starting_mrr - total_expansion_mrr
            else 0
        end as excess_mrr
    from windows_summed
),

losses_shared as (
    -- the churn bears it before the contraction; what was new before the return, and this before
    -- the exchange rate
    select
        *,
        case when excess_mrr > total_churn_mrr then total_churn_mrr else excess_mrr end as excess_churn_mrr,
        case when excess_mrr > total_new_mrr then total_new_mrr else excess_mrr end as excess_new_mrr,
        case
            when excess_mrr > total_new_mrr + total_reactivation_mrr then total_reactivation_mrr
            when excess_mrr > total_new_mrr then excess_mrr - total_new_mrr
            else 0
        end as excess_reactivation_mrr
    from losses_weighed
),

retained as (
    -- only who had revenue at the start is asked for what became of it
    select
        *,
        starting_mrr > 0 and count_churn_movements > 0 as is_churned,
        case when starting_mrr > 0 then total_expansion_mrr else 0 end as expansion_mrr,
        case
            when starting_mrr > 0 then total_contraction_mrr - (excess_mrr - excess_churn_mrr) else 0
        end as contraction_mrr,
        case when starting_mrr > 0 then total_churn_mrr - excess_churn_mrr else 0 end as churn_mrr,
        case when starting_mrr > 0 then total_new_mrr - excess_new_mrr else 0 end as new_mrr,
        case
            when starting_mrr > 0 then total_reactivation_mrr - excess_reactivation_mrr else 0
        end as reactivation_mrr,
        case
            when starting_mrr > 0
                then total_fx_mrr - (excess_mrr - excess_new_mrr - excess_reactivation_mrr)
            else 0
        end as fx_mrr
    from losses_shared
),

kept as (
    select
        *,
        starting_mrr + expansion_mrr - contraction_mrr - churn_mrr as retained_mrr
    from retained
),

final as (
    select
        -- keys
        kept.account_id,
        kept.month,
        kept.window_months,
        -- attributes
        {{ month_label('kept.cohort_month') }} as cohort,
        coalesce(dim_accounts.segment, 'unknown') as segment,
        coalesce(
            case
                when kept.starting_mrr > 0 then kept.plan_at_start
                when kept.ending_mrr > 0 then kept.plan_at_end
                -- bought and left inside the window
                else last_plans.plan_key
            end, 'unknown'
        ) as plan,
        case
            when
                account_sourcing.motion = 'sales_assisted'
                and coalesce(account_sourcing.sales_assisted_at < kept.starts_on, true)
                then 'sales_assisted'
            else 'self_serve'
        end as motion,
        coalesce(account_sourcing.sourcing, 'unknown') as sourcing,
        coalesce(case when kept.ending_mrr > 0 then kept.plan_at_end end, 'unknown') as plan_at_end,
        case
            when
                account_sourcing.motion = 'sales_assisted'
                and coalesce(account_sourcing.sales_assisted_at < kept.ends_before, true)
                then 'sales_assisted'
            else 'self_serve'
        end as motion_at_end,
        kept.is_churned,
        -- measures: amounts lost are positive, as they are subtracted
        cast(kept.starting_mrr as decimal(18, 2)) as starting_mrr,
        cast(kept.expansion_mrr as decimal(18, 2)) as expansion_mrr,
        cast(kept.contraction_mrr as decimal(18, 2)) as contraction_mrr,
        cast(kept.churn_mrr as decimal(18, 2)) as churn_mrr,
        cast(kept.new_mrr as decimal(18, 2)) as new_mrr,
        cast(kept.reactivation_mrr as decimal(18, 2)) as reactivation_mrr,
        cast(kept.fx_mrr as decimal(18, 2)) as fx_mrr,
        cast(kept.retained_mrr as decimal(18, 2)) as retained_mrr,
        -- of the start: all is lost by a churn, come back or not; growth makes good no more than that
        cast(
            case
                when kept.is_churned then 0
                when kept.retained_mrr > kept.starting_mrr then kept.starting_mrr
                else kept.retained_mrr
            end as decimal(18, 2)
        ) as kept_mrr,
        cast(kept.ending_mrr as decimal(18, 2)) as ending_mrr,
        cast(kept.total_new_mrr as decimal(18, 2)) as total_new_mrr,
        cast(kept.total_expansion_mrr as decimal(18, 2)) as total_expansion_mrr,
        cast(kept.total_contraction_mrr as decimal(18, 2)) as total_contraction_mrr,
        cast(kept.total_churn_mrr as decimal(18, 2)) as total_churn_mrr,
        cast(kept.total_involuntary_churn_mrr as decimal(18, 2)) as total_involuntary_churn_mrr,
        cast(kept.total_reactivation_mrr as decimal(18, 2)) as total_reactivation_mrr,
        cast(kept.total_fx_mrr as decimal(18, 2)) as total_fx_mrr,
        cast(kept.count_churn_movements as bigint) as count_churn_movements
    from kept
    left join account_sourcing
        on kept.account_id = account_sourcing.account_id
    left join dim_accounts
        on kept.account_id = dim_accounts.account_id
    left join account_month_plans as last_plans
        on
            kept.account_id = last_plans.account_id
            and kept.last_paid_month = last_plans.month
)

select * from final
