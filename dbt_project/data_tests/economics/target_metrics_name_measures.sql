-- Every measure seed target_metrics names is one that economics.fct_metric_months has.
select
    target_metrics.metric,
    target_metrics.measure
from {{ ref('target_metrics') }} as target_metrics
left join (
    select distinct measure
    from {{ ref('fct_metric_months') }}
) as measures on target_metrics.measure = measures.measure
where
    measures.measure is null
    and exists (select 1 from {{ ref('fct_metric_months') }})
