with

experiments as (
    select * from {{ ref('experiments') }}
),

experiment_variants as (
    select * from {{ ref('experiment_variants') }}
),

experiment_metrics as (
    select * from {{ ref('experiment_metrics') }}
),

rpt_exposures as (
    select * from {{ ref('rpt_exposures') }}
),

fct_unit_metrics as (
    select * from {{ ref('fct_unit_metrics') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

exact_values as (
    -- counts and cents as decimals: sums are then exact, in whatever order they are made, and the
    -- same data has the same hash
    select
        experiment_key,
        variant,
        metric,
        cast(value as decimal(16, 2)) as value,
        cast(pre_value as decimal(16, 2)) as pre_value
    from fct_unit_metrics
    where is_mature
),

sums as (
    select
        experiment_key,
        variant,
        metric,
        count(*) as count_mature,
        cast(count(*) as double) as n,
        cast(sum(value) as double) as total,
        cast(sum(value * value) as double) as squares,
        cast(sum(pre_value) as double) as pre_total,
        cast(sum(pre_value * pre_value) as double) as pre_squares,
        cast(sum(value * pre_value) as double) as products
    from exact_values
    group by experiment_key, variant, metric
),

mature_units as (
    select
        experiment_key,
        variant,
        metric,
        count_mature,
        total,
        total / n as mean,
        pre_total / n as pre_mean,
        case when n > 1 then (squares - total * total / n) / (n - 1) end as variance,
        case when n > 1 then (pre_squares - pre_total * pre_total / n) / (n - 1) end as pre_variance,
        case when n > 1 then (products - total * pre_total / n) / (n - 1) end as covariance
    from sums
),

final as (
    select
        experiments.experiment_key,
        experiments.alpha,
        experiments.power,
        experiments.minimum_effect,
        experiments.srm_alpha,
        coalesce(dim_as_of.as_of_date <= experiments.end_date, true) as is_running,

        experiment_variants.variant,
        experiment_variants.is_control,
        experiment_variants.planned_share,
        rpt_exposures.count_units,

        experiment_metrics.metric,
        experiment_metrics.role,
        experiment_metrics.kind,
        experiment_metrics.direction,
        experiment_metrics.margin,

        cast(coalesce(mature_units.count_mature, 0) as bigint) as count_mature,
        coalesce(mature_units.total, 0) as total,
        mature_units.mean,
        mature_units.variance,
        mature_units.pre_mean,
        mature_units.pre_variance,
        mature_units.covariance
    from experiments
    inner join experiment_variants
        on experiments.experiment_key = experiment_variants.experiment_key
    inner join experiment_metrics
        on experiments.experiment_key = experiment_metrics.experiment_key
    inner join rpt_exposures
        on
            experiment_variants.experiment_key = rpt_exposures.experiment_key
            and experiment_variants.variant = rpt_exposures.variant
    cross join dim_as_of
    left join mature_units
        on
            experiment_variants.experiment_key = mature_units.experiment_key
            and experiment_variants.variant = mature_units.variant
            and experiment_metrics.metric = mature_units.metric
)

select * from final
