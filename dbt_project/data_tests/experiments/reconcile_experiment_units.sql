-- Units are conserved: exposed = excluded + counted, each counted unit has every metric once, and
-- mature + immature units of a result are the counted ones.
with

exposed as (
    select
        experiment_key,
        variant,
        sum(case when is_in_two_variants then 0 else 1 end) as count_units
    from {{ ref('fct_exposures') }}
    group by experiment_key, variant
),

measured as (
    select
        experiment_key,
        variant,
        metric,
        count(*) as count_units,
        sum(case when is_mature then 1 else 0 end) as count_mature,
        sum(case when is_mature then value else 0 end) as total
    from {{ ref('fct_unit_metrics') }}
    group by experiment_key, variant, metric
)

select
    results.experiment_key,
    results.variant,
    results.metric
from {{ ref('rpt_results') }} as results
left join exposed
    on
        results.experiment_key = exposed.experiment_key
        and results.variant = exposed.variant
left join measured
    on
        results.experiment_key = measured.experiment_key
        and results.variant = measured.variant
        and results.metric = measured.metric
where
    results.n + results.count_immature <> coalesce(exposed.count_units, 0)
    or coalesce(measured.count_units, 0) <> coalesce(exposed.count_units, 0)
    or results.n <> coalesce(measured.count_mature, 0)
    or results.denominator <> results.n
    or abs(results.numerator - coalesce(measured.total, 0)) > 0.0001
