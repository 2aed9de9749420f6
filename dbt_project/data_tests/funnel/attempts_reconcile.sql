-- every cut of a cohort holds the same attempts, those of the attempts table; steps in order are
-- reached in order, and none without the one before
with

attempts as (
    select * from {{ ref('fct_funnel_attempts') }}
),

reported as (
    select
        funnel_key,
        entity_type,
        cohort_date,
        dimension,
        sum(entities) as entities
    from {{ ref('rpt_funnel_steps') }}
    where cohort_grain = 'month' and step_number = 1
    group by funnel_key, entity_type, cohort_date, dimension
),

by_month as (
    select
        funnel_key,
        entity_type,
        cohort_month,
        count(*) as entities
    from attempts
    group by funnel_key, entity_type, cohort_month
),

steps as (
    select * from {{ ref('int_funnel__attempt_steps') }}
),

definitions as (
    select * from {{ ref('funnel_definitions') }}
)

select
    by_month.funnel_key || ' ' || by_month.entity_type as what,
    coalesce(reported.dimension, 'none') as which
from by_month
left join reported
    on
        by_month.funnel_key = reported.funnel_key
        and by_month.entity_type = reported.entity_type
        and by_month.cohort_month = reported.cohort_date
where reported.entities is null or reported.entities <> by_month.entities
union all
select
    later.funnel_key || ' ' || later.entity_type || ' ' || later.entity_id as what,
    later.step_key as which
from steps as later
inner join definitions on later.funnel_key = definitions.funnel_key
left join steps as earlier
    on
        later.funnel_key = earlier.funnel_key
        and later.entity_type = earlier.entity_type
        and later.entity_id = earlier.entity_id
        and later.attempt_number = earlier.attempt_number
        and earlier.is_required
        and earlier.level = case when later.is_required then later.level - 1 else later.level end
where
    (earlier.step_key is null and later.step_number > 1)
    or (definitions.order_mode <> 'any' and later.reached_at < earlier.reached_at)
