{#- How many months a retention window spans. -#}
{%- set windows = var('nrr_window_months') -%}

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
        min(movement_date) as first_churn_date,
        -- one day can have several causes
        count(distinct movement_date) as count_churn_movements,
        -sum(case when cause = 'involuntary' then amount else 0 end) as involuntary_churn_mrr
    from mrr_movements
    where movement_type = 'churn'
    group by 1, 2
),

moved_before_churn as (
    -- of a month with a churn, what happened up to the first one
    select
        churn_months.account_id,
        churn_months.month,
        sum(case when mrr_movements.movement_type = 'expansion' then mrr_movements.amount else 0 end) as expansion_mrr,
        -sum(case when mrr_movements.movement_type = 'contraction' then mrr_movements.amount else 0 end) as contraction_mrr
    from churn_months
    inner join mrr_movements
        on
            churn_months.account_id = mrr_movements.account_id
            and churn_months.month = {{ month_start('mrr_movements.movement_date') }}
            and churn_months.first_churn_date > mrr_movements.movement_date
    group by 1, 2
),

running_totals as (
    select
        mrr_months.account_id,
        mrr_months.month,
        mrr_months.new_mrr,
        mrr_months.expansion_mrr,
        mrr_months.contraction_mrr,
        mrr_months.churn_mrr,
        mrr_months.reactivation_mrr,
        mrr_months.fx_mrr,
        mrr_months.closing_mrr,
        account_month_plans.plan_key,
        churn_months.count_churn_movements,
        churn_months.involuntary_churn_mrr,
        min(mrr_months.month) over account_history as cohort_month,
        sum(mrr_months.expansion_mrr) over account_history as expansion_to_date,
        -sum(mrr_months.contraction_mrr) over account_history as contraction_to_date,
        -- neither total ever falls, so that of a window the smallest of these is the first churn's
        case
            when churn_months.account_id is not null
                then
                    sum(mrr_months.expansion_mrr) over account_history
                    - mrr_months.expansion_mrr
                    + coalesce(moved_before_churn.expansion_mrr, 0)
        end as expansion_to_churn,
        case
            when churn_months.account_id is not null
                then
                    -sum(mrr_months.contraction_mrr) over account_history
                    + mrr_months.contraction_mrr
                    + coalesce(moved_before_churn.contraction_mrr, 0)
        end as contraction_to_churn
    from mrr_months
    left join account_month_plans
        on
            mrr_months.account_id = account_month_plans.account_id
            and mrr_months.month = account_month_plans.month
    left join churn_months
        on
            mrr_months.account_id = churn_months.account_id
            and mrr_months.month = churn_months.month
    left join moved_before_churn
        on
            mrr_months.account_id = moved_before_churn.account_id
            and mrr_months.month = moved_before_churn.month
    window account_history as (
        partition by mrr_months.account_id
        order by mrr_months.month
        rows between unbounded preceding and current row
    )
),

-- an account has a row for every month, so that n months are n rows
windows_measured as (
    {% for window_months in windows %}
    select
        account_id,
        month,
        cast({{ window_months }} as integer) as window_months,
        {{ add_months_to('month', 1 - window_months) }} as starts_on,
        {{ add_months_to('month', 1) }} as ends_before,
        cohort_month,
        lag(plan_key, {{ window_months }}) over months_in_order as plan_at_start,
        plan_key as plan_at_end,
        coalesce(lag(closing_mrr, {{ window_months }}) over months_in_order, 0) as starting_mrr,
        closing_mrr as ending_mrr,
        coalesce(min(expansion_to_churn) over window_rows, expansion_to_date)
        - coalesce(lag(expansion_to_date, {{ window_months }}) over months_in_order, 0) as expansion_before_churn,
        coalesce(min(contraction_to_churn) over window_rows, contraction_to_date)
        - coalesce(lag(contraction_to_date, {{ window_months }}) over months_in_order, 0) as contraction_before_churn,
        coalesce(sum(count_churn_movements) over window_rows, 0) as count_churn_movements,
        {%- for movement in ['new', 'expansion', 'reactivation', 'fx'] %}
        sum({{ movement }}_mrr) over window_rows as total_{{ movement }}_mrr,
        {%- endfor %}
        -sum(contraction_mrr) over window_rows as total_contraction_mrr,
        -sum(churn_mrr) over window_rows as total_churn_mrr,
        coalesce(sum(involuntary_churn_mrr) over window_rows, 0) as total_involuntary_churn_mrr
    from running_totals
    window
        months_in_order as (partition by account_id order by month),
        window_rows as (
            partition by account_id
            order by month
            rows between {{ window_months - 1 }} preceding and current row
        )
    {{ "union all" if not loop.last }}
    {% endfor %}
),

losses_capped as (
    -- Nobody loses more than the start and what was added to it: where an exchange rate has raised
    -- what is then lost, that much is the rate's.
    select
        *,
        starting_mrr > 0 and count_churn_movements > 0 as is_churned,
        case
            when contraction_before_churn > starting_mrr + expansion_before_churn
                then starting_mrr + expansion_before_churn
            else contraction_before_churn
        end as contraction_capped
    from windows_measured
),

retained as (
    -- Who churned keeps nothing; what came back afterwards, and all that became of it, is
    -- reactivation.
    select
        *,
        case when starting_mrr > 0 then expansion_before_churn else 0 end as expansion_mrr,
        case when starting_mrr > 0 then contraction_capped else 0 end as contraction_mrr,
        case
            when is_churned then starting_mrr + expansion_before_churn - contraction_capped
            else 0
        end as churn_mrr,
        case when is_churned then ending_mrr else 0 end as reactivation_mrr,
        case
            when starting_mrr > 0 and not is_churned
                then ending_mrr - (starting_mrr + expansion_before_churn - contraction_capped)
            else 0
        end as fx_mrr
    from losses_capped
),

final as (
    select
        -- keys
        retained.account_id,
        retained.month,
        retained.window_months,
        -- attributes
        {{ month_label('retained.cohort_month') }} as cohort,
        coalesce(dim_accounts.segment, 'unknown') as segment,
        coalesce(
            case when retained.starting_mrr > 0 then retained.plan_at_start else retained.plan_at_end end, 'unknown'
        ) as plan,
        case
            when
                account_sourcing.motion = 'sales_assisted'
                and coalesce(account_sourcing.sales_assisted_at < retained.starts_on, true)
                then 'sales_assisted'
            else 'self_serve'
        end as motion,
        coalesce(account_sourcing.sourcing, 'unknown') as sourcing,
        coalesce(retained.plan_at_end, 'unknown') as plan_at_end,
        case
            when
                account_sourcing.motion = 'sales_assisted'
                and coalesce(account_sourcing.sales_assisted_at < retained.ends_before, true)
                then 'sales_assisted'
            else 'self_serve'
        end as motion_at_end,
        retained.is_churned,
        -- measures: amounts lost are positive, as they are subtracted
        cast(retained.starting_mrr as decimal(18, 2)) as starting_mrr,
        cast(retained.expansion_mrr as decimal(18, 2)) as expansion_mrr,
        cast(retained.contraction_mrr as decimal(18, 2)) as contraction_mrr,
        cast(retained.churn_mrr as decimal(18, 2)) as churn_mrr,
        cast(retained.reactivation_mrr as decimal(18, 2)) as reactivation_mrr,
        cast(retained.fx_mrr as decimal(18, 2)) as fx_mrr,
        cast(retained.ending_mrr as decimal(18, 2)) as ending_mrr,
        cast(retained.total_new_mrr as decimal(18, 2)) as total_new_mrr,
        cast(retained.total_expansion_mrr as decimal(18, 2)) as total_expansion_mrr,
        cast(retained.total_contraction_mrr as decimal(18, 2)) as total_contraction_mrr,
        cast(retained.total_churn_mrr as decimal(18, 2)) as total_churn_mrr,
        cast(retained.total_involuntary_churn_mrr as decimal(18, 2)) as total_involuntary_churn_mrr,
        cast(retained.total_reactivation_mrr as decimal(18, 2)) as total_reactivation_mrr,
        cast(retained.total_fx_mrr as decimal(18, 2)) as total_fx_mrr,
        cast(retained.count_churn_movements as bigint) as count_churn_movements
    from retained
    left join account_sourcing
        on retained.account_id = account_sourcing.account_id
    left join dim_accounts
        on retained.account_id = dim_accounts.account_id
)

select * from final
