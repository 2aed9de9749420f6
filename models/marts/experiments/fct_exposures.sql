with

int_core__person_exposures as (
    select * from {{ ref('int_core__person_exposures') }}
),

experiments as (
    select * from {{ ref('experiments') }}
),

experiment_variants as (
    select * from {{ ref('experiment_variants') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

exposures_that_count as (
    -- of a planned variant, on a day of the experiment
    select
        exposures.message_id,
        exposures.experiment_key,
        experiments.unit_type,
        case
            when experiments.unit_type = 'account' then exposures.account_id
            else exposures.person_id
        end as unit_id,
        exposures.person_id,
        exposures.account_id,
        exposures.variant,
        exposures.exposed_at
    from int_core__person_exposures as exposures
    inner join experiments on exposures.experiment_key = experiments.experiment_key
    inner join experiment_variants
        on
            exposures.experiment_key = experiment_variants.experiment_key
            and exposures.variant = experiment_variants.variant
    cross join dim_as_of
    where
        exposures.exposed_at >= cast(experiments.start_date as timestamp)
        and (
            experiments.end_date is null
            or exposures.exposed_at < cast({{ add_days('experiments.end_date', 1) }} as timestamp)
        )
        and exposures.exposed_at <= dim_as_of.as_of_at
),

exposures_in_order as (
    select
        *,
        row_number() over (
            partition by experiment_key, unit_id
            order by exposed_at, message_id
        ) as exposure_number,
        count(*) over (partition by experiment_key, unit_id) as count_exposures,
        min(variant) over (partition by experiment_key, unit_id)
        <> max(variant) over (partition by experiment_key, unit_id) as is_in_two_variants
    from exposures_that_count
    where unit_id is not null
),

final as (
    select
        experiment_key,
        unit_type,
        unit_id,
        person_id,
        account_id,
        variant,
        is_in_two_variants,
        cast(count_exposures as bigint) as count_exposures,
        exposed_at as first_exposed_at
    from exposures_in_order
    where exposure_number = 1
)

select * from final
