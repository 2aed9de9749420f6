-- who enters a step completes it, drops out or still has time; who completes it enters the next,
-- and who completes the last step of some group has reached the milestone
with

steps as (
    select * from {{ ref('rpt_setup_steps') }}
),

next_steps as (
    select
        *,
        lead(entered) over (
            partition by entity_type, cohort_grain, cohort_week, segment, milestone, condition_group
            order by step_number
        ) as next_entered,
        lead(step_number) over (
            partition by entity_type, cohort_grain, cohort_week, segment, milestone, condition_group
            order by step_number
        ) as next_step_number,
        -- in a week in which the definition changed a step has two rows
        count(*) over (
            partition by entity_type, cohort_grain, cohort_week, segment, milestone, condition_group, step_number
        ) as count_versions
    from steps
),

completed as (
    select distinct
        entity_id as person_id,
        milestone
    from (
        select
            entity_id,
            milestone,
            condition_group,
            count(*) as count_steps,
            count(completed_at) as count_completed
        from {{ ref('int_activation__step_progress') }}
        where entity_type = 'person'
        group by entity_id, milestone, condition_group
    ) as groups
    where count_steps = count_completed
)

select
    entity_type,
    milestone,
    event_name,
    entered as expected,
    completed + dropped + still_open as found
from next_steps
where entered != completed + dropped + still_open or dropped < 0 or still_open < 0
union all
select
    entity_type,
    milestone,
    event_name,
    completed as expected,
    next_entered as found
from next_steps
where
    next_step_number = step_number + 1
    and count_versions = 1
    and segment = 'all'
    and cohort_grain = 'week'
    and next_entered > completed
union all
select
    'person' as entity_type,
    completed.milestone,
    completed.person_id as event_name,
    1 as expected,
    0 as found
from completed
left join {{ ref('fct_person_milestones') }} as reached
    on
        completed.person_id = reached.person_id
        and completed.milestone = reached.milestone
where reached.person_id is null
