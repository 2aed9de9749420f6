-- for every definition and cut: retained within the cohort, bounded at most rolling, rolling never
-- rising, a bracket at least the best of its days, cuts adding up to everyone
with

rpt_retention_cohorts as (
    select * from {{ ref('rpt_retention_cohorts') }}
),

retained_by_method as (
    select
        definition_key,
        entity_type,
        grain,
        dimension,
        dimension_value,
        cohort_date,
        period_number,
        max(case when method = 'bounded' then retained end) as retained_bounded,
        max(case when method = 'rolling' then retained end) as retained_rolling,
        max(cohort_size) as cohort_size
    from rpt_retention_cohorts
    where method != 'bracket'
    group by 1, 2, 3, 4, 5, 6, 7
),

in_order as (
    select
        retained_by_method.*,
        lag(retained_rolling) over (
            partition by definition_key, entity_type, grain, dimension, dimension_value, cohort_date
            order by period_number
        ) as retained_rolling_before
    from retained_by_method
),

brackets as (
    select
        brackets.definition_key,
        brackets.entity_type,
        brackets.cohort_date,
        brackets.period_number,
        brackets.retained,
        max(days.retained) as retained_best_day
    from rpt_retention_cohorts as brackets
    inner join rpt_retention_cohorts as days
        on
            brackets.definition_key = days.definition_key
            and brackets.entity_type = days.entity_type
            and brackets.grain = days.grain
            and brackets.dimension = days.dimension
            and brackets.cohort_date = days.cohort_date
            and brackets.period_number <= days.period_number
            and brackets.last_period_number >= days.period_number
    where brackets.method = 'bracket' and days.method = 'bounded' and brackets.dimension = 'all'
    group by 1, 2, 3, 4, 5
),

cuts as (
    select
        definition_key,
        entity_type,
        grain,
        method,
        dimension,
        cohort_date,
        period_number,
        last_period_number,
        sum(cohort_size) as cohort_size,
        sum(retained) as retained
    from rpt_retention_cohorts
    group by 1, 2, 3, 4, 5, 6, 7, 8
)

select
    definition_key,
    entity_type,
    cohort_date,
    period_number,
    'methods disagree' as problem
from in_order
where
    not coalesce(retained_bounded between 0 and cohort_size, false)
    or not coalesce(retained_rolling between retained_bounded and cohort_size, false)
    or retained_rolling > retained_rolling_before
    or (period_number = 0 and retained_bounded != cohort_size)
union all
select
    definition_key,
    entity_type,
    cohort_date,
    period_number,
    'a day holds more than its bracket' as problem
from brackets
where retained < retained_best_day
union all
select
    cuts.definition_key,
    cuts.entity_type,
    cuts.cohort_date,
    cuts.period_number,
    'cuts do not add up: ' || cuts.dimension as problem
from cuts
inner join cuts as everyone
    on
        cuts.definition_key = everyone.definition_key
        and cuts.entity_type = everyone.entity_type
        and cuts.grain = everyone.grain
        and cuts.method = everyone.method
        and cuts.cohort_date = everyone.cohort_date
        and cuts.period_number = everyone.period_number
        and cuts.last_period_number = everyone.last_period_number
where
    everyone.dimension = 'all'
    and (cuts.cohort_size != everyone.cohort_size or cuts.retained != everyone.retained)
