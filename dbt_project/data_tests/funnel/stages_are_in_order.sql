-- every stage lies at or after the required stage before it, which is there, and not before it
-- first happened
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
