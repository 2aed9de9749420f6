-- two ways of counting the same: the default definition of rpt_retention is also a definition
-- like any other
with

default_definitions as (
    select
        definition_key,
        for_people,
        for_accounts,
        by_day,
        by_week
    from {{ ref('retention_definitions') }}
    where
        start_event = 'sign_up'
        and return_event = 'any_event'
        and (product_line is null or product_line = {{ product_line() }})
),

rpt_retention as (
    select
        default_definitions.definition_key,
        rpt_retention.*
    from {{ ref('rpt_retention') }} as rpt_retention
    inner join default_definitions
        on
            (rpt_retention.entity_type = 'person' and default_definitions.for_people)
            or (rpt_retention.entity_type = 'account' and default_definitions.for_accounts)
    where
        (rpt_retention.grain = 'day' and default_definitions.by_day)
        or (rpt_retention.grain = 'week' and default_definitions.by_week)
),

rpt_retention_cohorts as (
    select
        rpt_retention_cohorts.*,
        rpt_retention_cohorts.period_number * case when rpt_retention_cohorts.grain = 'week' then 7 else 1 end
            as day_number
    from {{ ref('rpt_retention_cohorts') }} as rpt_retention_cohorts
    inner join default_definitions
        on rpt_retention_cohorts.definition_key = default_definitions.definition_key
    where
        rpt_retention_cohorts.dimension = 'all'
        and rpt_retention_cohorts.grain in ('day', 'week')
        and rpt_retention_cohorts.method in ('bounded', 'rolling')
)

select
    coalesce(rpt_retention.definition_key, rpt_retention_cohorts.definition_key) as definition_key,
    coalesce(rpt_retention.cohort_date, rpt_retention_cohorts.cohort_date) as cohort_date,
    coalesce(rpt_retention.grain, rpt_retention_cohorts.grain) as grain,
    coalesce(rpt_retention.entity_type, rpt_retention_cohorts.entity_type) as entity_type,
    coalesce(rpt_retention.method, rpt_retention_cohorts.method) as method,
    coalesce(rpt_retention.day_number, rpt_retention_cohorts.day_number) as day_number,
    rpt_retention.retained as expected,
    rpt_retention_cohorts.retained as found
from rpt_retention
full join rpt_retention_cohorts
    on
        rpt_retention.definition_key = rpt_retention_cohorts.definition_key
        and rpt_retention.cohort_date = rpt_retention_cohorts.cohort_date
        and rpt_retention.grain = rpt_retention_cohorts.grain
        and rpt_retention.entity_type = rpt_retention_cohorts.entity_type
        and rpt_retention.method = rpt_retention_cohorts.method
        and rpt_retention.day_number = rpt_retention_cohorts.day_number
where
    coalesce(rpt_retention.retained, -1) != coalesce(rpt_retention_cohorts.retained, -1)
    or coalesce(rpt_retention.cohort_size, -1) != coalesce(rpt_retention_cohorts.cohort_size, -1)
    or coalesce(rpt_retention.is_mature, false) != coalesce(rpt_retention_cohorts.is_mature, true)
