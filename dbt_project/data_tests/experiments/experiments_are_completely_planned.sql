-- Each experiment has one control, another variant and a primary metric; a metric has what its
-- kind, its source and its role need, and names a known event.
with

variants as (
    select
        experiment_key,
        sum(case when is_control then 1 else 0 end) as count_controls,
        count(*) as count_variants,
        min(planned_share) as smallest_share
    from {{ ref('experiment_variants') }}
    group by experiment_key
),

metrics as (
    select
        experiment_key,
        sum(case when role = 'primary' then 1 else 0 end) as count_primary
    from {{ ref('experiment_metrics') }}
    group by experiment_key
),

incomplete_metrics as (
    select
        experiment_metrics.experiment_key,
        experiment_metrics.metric as problem
    from {{ ref('experiment_metrics') }} as experiment_metrics
    inner join {{ ref('experiments') }} as experiments
        on experiment_metrics.experiment_key = experiments.experiment_key
    left join {{ ref('event_registry') }} as event_registry
        on experiment_metrics.source_name = event_registry.event_name
    where
        experiment_metrics.window_days <= experiment_metrics.from_day
        or experiment_metrics.from_day < 0
        or (experiment_metrics.role = 'guardrail') <> (experiment_metrics.margin is not null)
        or experiment_metrics.margin <= 0
        or experiment_metrics.pre_days <= 0
        or (
            experiment_metrics.source_type in ('event', 'milestone', 'movement')
            and experiment_metrics.source_name is null
        )
        or (experiment_metrics.source_type = 'event' and event_registry.event_name is null)
        or (
            experiment_metrics.source_type in ('movement', 'revenue')
            and experiments.unit_type <> 'account'
        )
)

select
    experiments.experiment_key,
    'controls, variants, shares or primary metric' as problem
from {{ ref('experiments') }} as experiments
left join variants on experiments.experiment_key = variants.experiment_key
left join metrics on experiments.experiment_key = metrics.experiment_key
where
    coalesce(variants.count_controls, 0) <> 1
    or coalesce(variants.count_variants, 0) < 2
    or coalesce(variants.smallest_share, 0) <= 0
    or coalesce(metrics.count_primary, 0) < 1
    or experiments.end_date < experiments.start_date
    or experiments.minimum_effect <= 0
union all
select
    experiment_key,
    problem
from incomplete_metrics
