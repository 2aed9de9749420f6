with

int_activation__person_conditions as (
    select * from {{ ref('int_activation__person_conditions') }}
),

int_activation__condition_reached as (
    select * from {{ ref('int_activation__condition_reached') }}
),

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

missing_conditions as (
    select
        applying.person_id,
        applying.milestone,
        applying.condition_group,
        applying.condition_number,
        applying.event_name,
        count(*) over (
            partition by applying.person_id, applying.milestone, applying.condition_group
        ) as count_missing
    from int_activation__person_conditions as applying
    left join int_activation__condition_reached as met
        on
            applying.person_id = met.person_id
            and applying.condition_id = met.condition_id
    left join fct_person_milestones
        on
            applying.person_id = fct_person_milestones.person_id
            and applying.milestone = fct_person_milestones.milestone
    where met.reached_at is null and fct_person_milestones.reached_at is null
),

missing_in_order as (
    -- by the group that lacks least, its first condition
    select
        person_id,
        milestone,
        event_name,
        row_number() over (
            partition by person_id, milestone order by count_missing, condition_group, condition_number
        ) as place
    from missing_conditions
),

final as (
    select
        person_id,
        milestone,
        event_name as next_step
    from missing_in_order
    where place = 1
)

select * from final
