with

targets as (
    select * from {{ ref('fct_targets') }}
),

target_metrics as (
    select * from {{ ref('target_metrics') }}
),

metric_months as (
    select * from {{ ref('fct_metric_months') }}
),

compared as (
    -- every target there is, whether or not anything measures it
    select
        targets.month,
        targets.metric,
        targets.target,
        target_metrics.measure,
        target_metrics.better,
        target_metrics.unit,
        metric_months.value as actual,
        metric_months.is_mature,
        case
            when target_metrics.better = 'lower' then cast(targets.target as double) - metric_months.value
            else metric_months.value - cast(targets.target as double)
        end as margin
    from targets
    left join target_metrics on targets.metric = target_metrics.metric
    left join metric_months
        on
            targets.month = metric_months.month
            and target_metrics.measure = metric_months.measure
),

final as (
    select
        -- keys
        month,
        metric,
        -- attributes
        measure,
        better,
        unit,
        case
            when measure is null then 'unknown_metric'
            when actual is null then 'not_measured'
            when not is_mature then 'open'
            when margin >= 0 then 'met'
            else 'missed'
        end as status,
        -- measures
        target,
        cast(actual as double) as actual,
        cast(actual - cast(target as double) as double) as gap,
        cast(case when target <> 0 then actual / cast(target as double) end as double) as attainment
    from compared
)

select * from final
