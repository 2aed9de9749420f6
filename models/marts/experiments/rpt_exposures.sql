with

int_core__person_exposures as (
    select * from {{ ref('int_core__person_exposures') }}
),

fct_exposures as (
    select * from {{ ref('fct_exposures') }}
),

experiments as (
    select * from {{ ref('experiments') }}
),

experiment_variants as (
    select * from {{ ref('experiment_variants') }}
),

exposures_by_variant as (
    select
        exposures.experiment_key,
        exposures.variant,
        count(*) as count_exposures,
        sum(
            case
                when
                    exposures.exposed_at < cast(experiments.start_date as timestamp)
                    or exposures.exposed_at >= cast({{ add_days('experiments.end_date', 1) }} as timestamp)
                    then 1
                else 0
            end
        ) as count_exposures_outside_dates,
        sum(
            case
                when experiments.unit_type = 'account' and exposures.account_id is null then 1
                else 0
            end
        ) as count_exposures_without_unit
    from int_core__person_exposures as exposures
    inner join experiments on exposures.experiment_key = experiments.experiment_key
    group by exposures.experiment_key, exposures.variant
),

units_by_variant as (
    select
        experiment_key,
        variant,
        count(*) as count_units_exposed,
        sum(case when is_in_two_variants then 1 else 0 end) as count_units_in_two_variants
    from fct_exposures
    group by experiment_key, variant
),

variants as (
    select
        experiment_key,
        variant
    from experiment_variants
    union
    select
        experiment_key,
        variant
    from exposures_by_variant
),

final as (
    select
        variants.experiment_key,
        variants.variant,

        experiment_variants.variant is not null as is_planned,
        coalesce(experiment_variants.is_control, false) as is_control,
        experiment_variants.planned_share,

        cast(coalesce(exposures_by_variant.count_exposures, 0) as bigint) as count_exposures,
        cast(coalesce(exposures_by_variant.count_exposures_outside_dates, 0) as bigint)
            as count_exposures_outside_dates,
        cast(coalesce(exposures_by_variant.count_exposures_without_unit, 0) as bigint)
            as count_exposures_without_unit,
        cast(coalesce(units_by_variant.count_units_exposed, 0) as bigint) as count_units_exposed,
        cast(coalesce(units_by_variant.count_units_in_two_variants, 0) as bigint)
            as count_units_in_two_variants,
        cast(
            coalesce(units_by_variant.count_units_exposed, 0)
            - coalesce(units_by_variant.count_units_in_two_variants, 0) as bigint
        ) as count_units
    from variants
    left join experiment_variants
        on
            variants.experiment_key = experiment_variants.experiment_key
            and variants.variant = experiment_variants.variant
    left join exposures_by_variant
        on
            variants.experiment_key = exposures_by_variant.experiment_key
            and variants.variant = exposures_by_variant.variant
    left join units_by_variant
        on
            variants.experiment_key = units_by_variant.experiment_key
            and variants.variant = units_by_variant.variant
)

select * from final
