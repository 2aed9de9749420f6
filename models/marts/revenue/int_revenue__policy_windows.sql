{#- The windows rpt_mrr_policies shows. -#}
{%- set windows = [1, 12] -%}
{%- set movements = ['new', 'expansion', 'contraction', 'churn', 'reactivation', 'fx'] -%}

with

policy_day_changes as (
    select * from {{ ref('int_revenue__policy_day_changes') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

first_months as (
    select
        policy_key,
        account_id,
        min({{ month_start('change_date') }}) as first_month
    from policy_day_changes
    group by 1, 2
),

account_months as (
    select
        first_months.policy_key,
        first_months.account_id,
        {{ month_spine('first_months.first_month', month_start("as_of.as_of_at - interval '1' microsecond")) }} as month
    from first_months
    cross join as_of
),

changes_by_month as (
    select
        policy_key,
        account_id,
        {{ month_start('change_date') }} as month,
        {%- for movement in movements if movement != 'fx' %}
        sum(
            case when movement_type = '{{ movement }}' then change_amount else 0 end
            + case when continued_type = '{{ movement }}' then continued_amount else 0 end
        ) as {{ movement }}_mrr,
        {%- endfor %}
        sum(fx_amount) as fx_mrr,
        sum(fx_amount + continued_amount + change_amount) as change_mrr,
        count(case when movement_type = 'churn' then 1 end) as count_churn_movements
    from policy_day_changes
    group by 1, 2, 3
),

months_closed as (
    select
        account_months.policy_key,
        account_months.account_id,
        account_months.month,
        {%- for movement in movements %}
        coalesce(changes_by_month.{{ movement }}_mrr, 0) as {{ movement }}_mrr,
        {%- endfor %}
        coalesce(changes_by_month.count_churn_movements, 0) as count_churn_movements,
        sum(coalesce(changes_by_month.change_mrr, 0)) over (
            partition by account_months.policy_key, account_months.account_id
            order by account_months.month
            rows between unbounded preceding and current row
        ) as closing_mrr
    from account_months
    left join changes_by_month
        on
            account_months.policy_key = changes_by_month.policy_key
            and account_months.account_id = changes_by_month.account_id
            and account_months.month = changes_by_month.month
),

windows_summed as (
    {% for window_months in windows %}
    select
        policy_key,
        account_id,
        month,
        cast({{ window_months }} as integer) as window_months,
        coalesce(lag(closing_mrr, {{ window_months }}) over months_in_order, 0) as starting_mrr,
        {%- for movement in movements %}
        sum({{ movement }}_mrr) over window_rows as {{ movement }}_mrr,
        {%- endfor %}
        sum(count_churn_movements) over window_rows as count_churn_movements,
        closing_mrr
    from months_closed
    window
        months_in_order as (partition by policy_key, account_id order by month),
        window_rows as (
            partition by policy_key, account_id
            order by month
            rows between {{ window_months - 1 }} preceding and current row
        )
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- as int_revenue__account_windows: what is lost beyond the start and its expansion had come from a
-- return or an exchange rate, and is taken off these
excess_found as (
    select
        *,
        case
            when -contraction_mrr - churn_mrr > starting_mrr + expansion_mrr
                then -contraction_mrr - churn_mrr - starting_mrr - expansion_mrr
            else 0
        end as excess_mrr
    from windows_summed
),

retained as (
    select
        *,
        starting_mrr + expansion_mrr + contraction_mrr + churn_mrr + excess_mrr as retained_mrr,
        reactivation_mrr - case when excess_mrr > reactivation_mrr then reactivation_mrr else excess_mrr end as returned_mrr
    from excess_found
),

final as (
    select
        -- keys
        policy_key,
        account_id,
        month,
        window_months,
        -- measures: signed, as in fct_mrr_months
        cast(starting_mrr as decimal(18, 2)) as starting_mrr,
        {%- for movement in movements %}
        cast({{ movement }}_mrr as decimal(18, 2)) as {{ movement }}_mrr,
        {%- endfor %}
        cast(closing_mrr as decimal(18, 2)) as closing_mrr,
        -- of who had revenue at the start
        cast(case when starting_mrr > 0 then retained_mrr else 0 end as decimal(18, 2)) as retained_mrr,
        cast(case when starting_mrr > 0 then returned_mrr else 0 end as decimal(18, 2)) as returned_mrr,
        cast(
            case
                when starting_mrr <= 0 or count_churn_movements > 0 then 0
                when retained_mrr > starting_mrr then starting_mrr
                else retained_mrr
            end as decimal(18, 2)
        ) as kept_mrr,
        starting_mrr > 0 and count_churn_movements > 0 as is_churned
    from retained
)

select * from final
