-- whoever signed up is new exactly once, and has one row for every week since
with

fct_lifecycle_weeks as (
    select * from {{ ref('fct_lifecycle_weeks') }}
),

entities as (
    select
        fct_lifecycle_weeks.entity_type,
        fct_lifecycle_weeks.entity_id,
        min(fct_lifecycle_weeks.week) as first_week,
        count(*) as count_weeks,
        sum(case when fct_lifecycle_weeks.state = 'new' then 1 else 0 end) as count_new,
        min(case when fct_lifecycle_weeks.state = 'new' then fct_lifecycle_weeks.week end) as new_week,
        max(dim_as_of.as_of_date) as as_of_date
    from fct_lifecycle_weeks
    cross join {{ ref('dim_as_of') }} as dim_as_of
    group by fct_lifecycle_weeks.entity_type, fct_lifecycle_weeks.entity_id
),

active_entities as (
    select distinct
        entity_type,
        entity_id
    from {{ ref('int_retention__active_days') }}
)

select
    active_entities.entity_type,
    active_entities.entity_id
from active_entities
left join entities
    on
        active_entities.entity_type = entities.entity_type
        and active_entities.entity_id = entities.entity_id
where
    entities.entity_id is null
    or entities.count_new != 1
    or entities.new_week != entities.first_week
    or entities.count_weeks * 7 != {{ days_between('entities.first_week', week_start('entities.as_of_date')) }} + 7
