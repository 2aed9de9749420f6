-- Every measure seed target_metrics names is one that economics.fct_metric_months has.
with

target_metrics as (
    select * from {{ ref('target_metrics') }}
),

measures as (
    select distinct measure
    from {{ ref('fct_metric_months') }}
),

measures_there as (
    select count(*) as count_measures
    from measures
)

select
    target_metrics.metric,
    target_metrics.measure
from target_metrics
cross join measures_there
left join measures on target_metrics.measure = measures.measure
where
    measures.measure is null
    -- nothing has landed: nothing is measured
    and measures_there.count_measures > 0
