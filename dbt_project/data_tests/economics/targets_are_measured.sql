-- A target whose metric is in no row of seed target_metrics is compared with nothing.
{{ config(severity='warn') }}

select
    metric,
    count(*) as count_months
from {{ ref('rpt_targets') }}
where status = 'unknown_metric'
group by metric
