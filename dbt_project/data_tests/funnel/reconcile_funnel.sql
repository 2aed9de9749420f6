-- every cut of a cohort holds the same entities, and all cohorts are the entities in the stages
with

rpt_funnel as (
    select * from {{ ref('rpt_funnel') }}
),

by_dimension as (
    select
        cohort_month,
        entity_type,
        stage,
        dimension,
        sum(entities) as entities
    from rpt_funnel
    group by cohort_month, entity_type, stage, dimension
),

by_stage as (
    select
        entity_type,
        stage,
        sum(entities) as entities
    from rpt_funnel
    where dimension = 'all'
    group by entity_type, stage
),

stages as (
    select
        entity_type,
        stage,
        count(*) as entities
    from {{ ref('fct_stages') }}
    group by entity_type, stage
)

select
    cuts.entity_type,
    cuts.stage,
    cuts.dimension,
    totals.entities as expected,
    cuts.entities as found
from by_dimension as cuts
inner join by_dimension as totals
    on
        cuts.cohort_month = totals.cohort_month
        and cuts.entity_type = totals.entity_type
        and cuts.stage = totals.stage
        and totals.dimension = 'all'
where cuts.entities != totals.entities
union all
select
    coalesce(stages.entity_type, by_stage.entity_type) as entity_type,
    coalesce(stages.stage, by_stage.stage) as stage,
    'all cohorts' as dimension,
    stages.entities as expected,
    by_stage.entities as found
from stages
full join by_stage
    on
        stages.entity_type = by_stage.entity_type
        and stages.stage = by_stage.stage
where coalesce(stages.entities, 0) != coalesce(by_stage.entities, 0)
