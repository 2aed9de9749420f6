-- the buckets of a cohort add up to its sign-ups, the segments to all, and the weeks to everyone
with

buckets as (
    select * from {{ ref('rpt_time_to_value') }}
),

by_cohort as (
    select
        entity_type,
        cohort_grain,
        cohort_week,
        segment,
        min(signups) as signups,
        min(activated) as activated,
        sum(entities) as entities,
        sum(case when bucket_state = 'activated' then entities else 0 end) as entities_activated
    from buckets
    group by entity_type, cohort_grain, cohort_week, segment
),

by_segment as (
    select
        entity_type,
        cohort_grain,
        cohort_week,
        sum(case when segment = 'all' then signups else 0 end) as signups_all,
        sum(case when segment != 'all' then signups else 0 end) as signups_segments
    from by_cohort
    group by entity_type, cohort_grain, cohort_week
),

milestones_reached as (
    select
        'person' as entity_type,
        count(*) as activated
    from {{ ref('fct_person_milestones') }}
    where milestone = 'activation'
    union all
    select
        'account' as entity_type,
        count(*) as activated
    from {{ ref('fct_account_milestones') }}
    where milestone = 'activation'
),

weeks as (
    select
        entity_type,
        sum(activated) as activated
    from by_cohort
    where cohort_grain = 'week' and segment = 'all'
    group by entity_type
)

select
    entity_type,
    'buckets' as what,
    cast(cohort_week as varchar) || ' ' || segment as cohort,
    signups as expected,
    entities as found
from by_cohort
where signups != entities or activated != entities_activated
union all
select
    entity_type,
    'segments' as what,
    cast(cohort_week as varchar) as cohort,
    signups_all as expected,
    signups_segments as found
from by_segment
where signups_all != signups_segments
union all
select
    milestones_reached.entity_type,
    'activated' as what,
    'all' as cohort,
    milestones_reached.activated as expected,
    coalesce(weeks.activated, 0) as found
from milestones_reached
left join weeks
    on milestones_reached.entity_type = weeks.entity_type
where milestones_reached.activated != coalesce(weeks.activated, 0)
