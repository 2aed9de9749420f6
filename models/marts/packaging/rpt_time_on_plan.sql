{%- set asked_days = var('plan_survival_days') -%}

with

plan_spans as (
    select * from {{ ref('fct_plan_spans') }}
),

durations as (
    select
        plan,
        days_on_plan,
        count(*) as spans,
        count(case when not is_running then 1 end) as ends
    from plan_spans
    group by plan, days_on_plan
),

at_risk as (
    -- still on the plan when others left it after so many days, or still to be seen that long
    select
        plan,
        days_on_plan,
        ends,
        sum(spans) over (
            partition by plan
            order by days_on_plan desc
            rows between unbounded preceding and current row
        ) as spans_at_risk
    from durations
),

survivals as (
    -- Kaplan and Meier: of those who got that far, the share that went on, multiplied up
    select
        plan,
        days_on_plan,
        case
            when min(spans_at_risk - ends) over days_so_far = 0 then 0
            else
                exp(sum(case when spans_at_risk > ends then ln(1 - cast(ends as double) / cast(spans_at_risk as double)) else 0 end) over days_so_far)
        end as survival
    from at_risk
    where ends > 0
    window days_so_far as (
        partition by plan order by days_on_plan rows between unbounded preceding and current row
    )
),

survivals_asked as (
    select
        plan,
        -- the sum of logarithms misses a half by 1e-16
        min(case when round(survival, 12) <= 0.5 then days_on_plan end) as median_days,
        {% for days in asked_days %}
        min(case when days_on_plan <= {{ days }} then survival end) as survival_{{ days }}d{{ "," if not loop.last }}
        {% endfor %}
    from survivals
    group by plan
),

spans_counted as (
    select
        plan,
        count(*) as count_spans,
        count(case when not is_running then 1 end) as count_completed,
        count(case when is_running then 1 end) as count_running,
        max(days_on_plan) as longest_days,
        {{ percentile('case when not is_running then days_on_plan end', 0.5) }} as median_days_completed
    from plan_spans
    group by plan
),

final as (
    select
        -- keys
        spans_counted.plan,
        -- measures
        spans_counted.count_spans,
        spans_counted.count_completed,
        spans_counted.count_running,
        cast(survivals_asked.median_days as bigint) as median_days,
        cast(spans_counted.median_days_completed as double) as median_days_completed,
        spans_counted.longest_days,
        {% for days in asked_days %}
        -- nobody was seen that long, nobody knows; unless all had left
        case
            when spans_counted.longest_days >= {{ days }} or survivals_asked.survival_{{ days }}d = 0 then coalesce(survivals_asked.survival_{{ days }}d, 1.0)
        end as survival_{{ days }}d{{ "," if not loop.last }}
        {% endfor %}
    from spans_counted
    left join survivals_asked
        on spans_counted.plan = survivals_asked.plan
)

select * from final
