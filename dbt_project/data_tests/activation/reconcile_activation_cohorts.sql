-- segments add up to all, and all cohorts to the people who signed up and who activated
with

cohorts as (
    select * from {{ ref('rpt_activation_cohorts') }}
),

by_week as (
    select
        cohort_week,
        sum(case when segment = 'all' then signups else 0 end) as signups_all,
        sum(case when segment != 'all' then signups else 0 end) as signups_segments,
        sum(case when segment = 'all' then activated_7d else 0 end) as activated_all,
        sum(case when segment != 'all' then activated_7d else 0 end) as activated_segments
    from cohorts
    group by cohort_week
),

totals as (
    select
        (
            select coalesce(sum(signups), 0) from cohorts
            where segment = 'all'
        ) as signups_cohorts,
        (
            select count(*)
            from {{ ref('dim_people') }}
            where signed_up_at <= (select as_of_at from {{ ref('dim_as_of') }})
        ) as signups_people,
        (
            select coalesce(sum(activated), 0) from cohorts
            where segment = 'all'
        ) as activated_cohorts,
        (
            select count(*)
            from {{ ref('fct_person_milestones') }}
            where milestone = 'activation'
        ) as activated_people
)

select
    cast(cohort_week as varchar) as what,
    signups_all as expected,
    signups_segments as found
from by_week
where signups_all != signups_segments or activated_all != activated_segments or activated_all > signups_all
union all
select
    'sign-ups' as what,
    signups_people as expected,
    signups_cohorts as found
from totals
where signups_people != signups_cohorts
union all
select
    'activated' as what,
    activated_people as expected,
    activated_cohorts as found
from totals
where activated_people != activated_cohorts
