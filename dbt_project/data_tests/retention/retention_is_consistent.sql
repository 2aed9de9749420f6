-- retained within the cohort, rolling never below bounded and never rising with the day
with

rpt_retention as (
    select * from {{ ref('rpt_retention') }}
),

both_methods as (
    select
        cohort_date,
        grain,
        entity_type,
        day_number,
        count(*) as count_rows,
        min(cohort_size) as smallest_size,
        max(cohort_size) as largest_size,
        max(case when method = 'bounded' then retained end) as retained_bounded,
        max(case when method = 'rolling' then retained end) as retained_rolling
    from rpt_retention
    group by cohort_date, grain, entity_type, day_number
),

rolling_in_order as (
    select
        cohort_date,
        grain,
        entity_type,
        day_number,
        retained,
        lag(retained) over (
            partition by cohort_date, grain, entity_type order by day_number
        ) as retained_before
    from rpt_retention
    where method = 'rolling'
)

select
    cohort_date,
    grain,
    entity_type,
    day_number,
    'methods disagree' as problem
from both_methods
where
    count_rows != 2
    or smallest_size != largest_size
    or retained_rolling < retained_bounded
    or retained_rolling > largest_size
    or retained_bounded < 0
    or (day_number = 0 and retained_bounded != largest_size)
union all
select
    cohort_date,
    grain,
    entity_type,
    day_number,
    'rolling rises' as problem
from rolling_in_order
where retained > retained_before
