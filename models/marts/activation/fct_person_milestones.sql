with

int_activation__person_conditions as (
    select * from {{ ref('int_activation__person_conditions') }}
),

int_activation__condition_reached as (
    select * from {{ ref('int_activation__condition_reached') }}
),

dim_people as (
    select * from {{ ref('dim_people') }}
),

milestones_reached as (
    {{ milestones_from_conditions('int_activation__person_conditions', 'int_activation__condition_reached') }}
),

definitions_in_force as (
    -- a definition began on the day the youngest of its conditions did
    select
        person_id,
        milestone,
        max(valid_from) as definition_valid_from
    from int_activation__person_conditions
    group by person_id, milestone
),

final as (
    select
        milestones_reached.person_id,
        dim_people.primary_account_id as account_id,

        milestones_reached.milestone,
        milestones_reached.condition_group,
        definitions_in_force.definition_valid_from,

        {{ seconds_between('milestones_reached.signed_up_at', 'milestones_reached.reached_at') }} / 60.0
            as minutes_since_signup,

        milestones_reached.signed_up_at,
        milestones_reached.reached_at
    from milestones_reached
    inner join definitions_in_force
        on
            milestones_reached.person_id = definitions_in_force.person_id
            and milestones_reached.milestone = definitions_in_force.milestone
    inner join dim_people
        on milestones_reached.person_id = dim_people.person_id
)

select * from final
