with

components as (
    select * from {{ ref('fct_health_components') }}
),

bands as (
    select * from {{ ref('health_bands') }}
),

components_in_order as (
    -- what is told before what is inferred, then what costs most, then as the seed has it
    select
        *,
        row_number() over (
            partition by account_id, health_date
            order by is_decisive desc, lost_points desc, place
        ) as nth
    from components
),

days_summed as (
    select
        account_id,
        health_date,
        sum(points) as health_score,
        sum(weight) as total_weight,
        sum(case when is_missing then 0 else weight end) as measured_weight,
        sum(case when is_missing then 1 else 0 end) as count_missing,
        max(case when nth = 1 then component end) as costliest_component,
        max(case when nth = 1 then cause end) as costliest_cause,
        max(lost_points) as most_lost_points
    from components_in_order
    group by account_id, health_date
),

scores as (
    select
        account_id,
        health_date,
        case when measured_weight > 0 then health_score end as health_score,
        cast(100.0 * measured_weight / total_weight as decimal(9, 2)) as measured_weight_pct,
        measured_weight >= {{ var('health_min_measured_share') }} * total_weight as is_measured_enough,
        count_missing,
        case when most_lost_points > 0 then costliest_component end as costliest_component,
        case when most_lost_points > 0 then costliest_cause end as costliest_cause
    from days_summed
),

band_bounds as (
    -- a band begins at its bound and ends before the next one's
    select
        band,
        is_at_risk,
        min_score,
        lead(min_score) over (order by min_score) as below_score
    from bands
),

final as (
    select
        scores.account_id,
        scores.health_date,
        cast(scores.health_score as decimal(9, 2)) as health_score,
        case when scores.is_measured_enough then band_bounds.band else 'unknown' end as band,
        coalesce(scores.is_measured_enough and band_bounds.is_at_risk, false) as is_at_risk,
        case when scores.is_measured_enough then scores.costliest_component end as top_risk,
        case when scores.is_measured_enough then scores.costliest_cause end as top_cause,
        scores.measured_weight_pct,
        cast(scores.count_missing as integer) as count_missing,
        cast(scores.health_score - week_before.health_score as decimal(9, 2)) as change_7d,
        cast(scores.health_score - month_before.health_score as decimal(9, 2)) as change_30d,
        case
            when scores.health_score - month_before.health_score >= {{ var('health_trend_points') }} then 'rising'
            when month_before.health_score - scores.health_score >= {{ var('health_trend_points') }} then 'falling'
            when scores.health_score - month_before.health_score is not null then 'steady'
        end as trend
    from scores
    left join band_bounds
        on
            scores.health_score >= band_bounds.min_score
            and coalesce(scores.health_score < band_bounds.below_score, true)
    left join scores as week_before
        on
            scores.account_id = week_before.account_id
            and scores.health_date = {{ add_days('week_before.health_date', 7) }}
    left join scores as month_before
        on
            scores.account_id = month_before.account_id
            and scores.health_date = {{ add_days('month_before.health_date', 30) }}
)

select * from final
