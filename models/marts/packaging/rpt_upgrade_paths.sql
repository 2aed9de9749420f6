with

plan_spans as (
    select * from {{ ref('fct_plan_spans') }}
    where not is_running
),

changes as (
    select
        'month' as period_grain,
        {{ month_start('to_date') }} as month,
        *
    from plan_spans

    union all

    select
        'total' as period_grain,
        cast(null as date) as month,
        *
    from plan_spans
),

final as (
    select
        -- keys
        period_grain,
        month,
        plan as from_plan,
        next_plan as to_plan,
        end_kind as change_kind,
        -- measures
        count(*) as count_changes,
        count(distinct account_id) as count_accounts,
        cast(sum(end_mrr_delta) as decimal(18, 2)) as mrr_delta,
        cast({{ percentile('days_on_plan', 0.5) }} as double) as median_days_on_plan
    from changes
    group by 1, 2, 3, 4, 5
)

select * from final
