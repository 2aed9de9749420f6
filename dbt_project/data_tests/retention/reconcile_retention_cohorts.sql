-- the week cohorts hold everyone who signed up, once
with

cohorts as (
    select
        entity_type,
        sum(cohort_size) as found
    from {{ ref('rpt_retention') }}
    where grain = 'week' and method = 'bounded' and day_number = 0
    group by entity_type
),

signups as (
    select
        'person' as entity_type,
        count(*) as expected
    from {{ ref('dim_people') }}
    where cast(signed_up_at as date) <= (select as_of_date from {{ ref('dim_as_of') }})
    union all
    select
        'account' as entity_type,
        count(*) as expected
    from {{ ref('dim_accounts') }}
    where cast(signed_up_at as date) <= (select as_of_date from {{ ref('dim_as_of') }})
)

select
    signups.entity_type,
    signups.expected,
    cohorts.found
from signups
left join cohorts
    on signups.entity_type = cohorts.entity_type
where signups.expected != coalesce(cohorts.found, 0)
