with

rpt_retention_cohorts as (
    select * from {{ ref('rpt_retention_cohorts') }}
),

cohorts_added_up as (
    select
        definition_key,
        entity_type,
        grain,
        method,
        dimension,
        dimension_value,
        period_number,
        last_period_number,
        sum(case when is_mature then 1 else 0 end) as count_cohorts,
        sum(case when is_mature then 0 else 1 end) as count_cohorts_immature,
        min(case when is_mature then cohort_date end) as first_cohort_date,
        max(case when is_mature then cohort_date end) as last_cohort_date,
        sum(case when is_mature then cohort_size else 0 end) as cohort_size,
        sum(case when is_mature then retained else 0 end) as retained
    from rpt_retention_cohorts
    group by
        definition_key,
        entity_type,
        grain,
        method,
        dimension,
        dimension_value,
        period_number,
        last_period_number
),

final as (
    select
        definition_key,
        entity_type,
        grain,
        method,
        dimension,
        dimension_value,
        period_number,
        last_period_number,

        cast(count_cohorts as bigint) as count_cohorts,
        cast(count_cohorts_immature as bigint) as count_cohorts_immature,
        first_cohort_date,
        last_cohort_date,

        cast(cohort_size as bigint) as cohort_size,
        cast(retained as bigint) as retained,
        retained / nullif(cohort_size, 0) as retention_rate
    from cohorts_added_up
)

select * from final
