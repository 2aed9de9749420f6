-- every stage lies at or after the required stage before it, which is there, and not before it
-- first happened; the seed's order has no gaps and fits the model
with

fct_stages as (
    select * from {{ ref('fct_stages') }}
)

select
    later.entity_type || ' ' || later.entity_id as what,
    later.stage
from fct_stages as later
left join fct_stages as earlier
    on
        later.entity_type = earlier.entity_type
        and later.entity_id = earlier.entity_id
        and later.previous_stage = earlier.stage
where
    later.reached_at < later.first_occurred_at
    or later.reached_at < earlier.reached_at
    or (later.previous_stage is not null and earlier.stage is null)
    or (later.previous_stage is null and later.stage_number > 1)
union all
select
    'funnel_stages' as what,
    'numbers must be 1, 2, 3 … and at most funnel_max_stages' as stage
from (
    select
        min(stage_number) as first_number,
        max(stage_number) as last_number,
        count(*) as count_stages
    from {{ ref('funnel_stages') }}
) as numbers
where
    first_number != 1
    or last_number != count_stages
    or last_number > {{ var('funnel_max_stages', 8) }}
