with

int_activation__person_conditions as (
    select * from {{ ref('int_activation__person_conditions') }}
),

int_activation__milestone_events as (
    select * from {{ ref('int_activation__milestone_events') }}
),

signup_conditions as (
    select * from int_activation__person_conditions
    where after_milestone is null
),

events_since_signup as (
    select
        signup_conditions.person_id,
        signup_conditions.condition_id,
        signup_conditions.min_count,
        signup_conditions.min_distinct_days,
        int_activation__milestone_events.property_value,
        int_activation__milestone_events.event_at
    from signup_conditions
    inner join int_activation__milestone_events
        on
            signup_conditions.person_id = int_activation__milestone_events.person_id
            and signup_conditions.event_name = int_activation__milestone_events.event_name
    where
        int_activation__milestone_events.event_at >= signup_conditions.signed_up_at
        and (
            signup_conditions.within_days is null
            or int_activation__milestone_events.event_at
            < {{ add_hours('signup_conditions.signed_up_at', '24 * signup_conditions.within_days') }}
        )
),

signup_conditions_reached as (
    {{ threshold_crossings('events_since_signup') }}
),

-- what a later milestone is counted from must itself count from sign-up (a data test says so)
first_milestones as (
    {{ milestones_from_conditions('signup_conditions', 'signup_conditions_reached') }}
),

followup_conditions as (
    select
        int_activation__person_conditions.*,
        first_milestones.reached_at as counted_from_at
    from int_activation__person_conditions
    inner join first_milestones
        on
            int_activation__person_conditions.person_id = first_milestones.person_id
            and int_activation__person_conditions.after_milestone = first_milestones.milestone
),

events_since_milestone as (
    select
        followup_conditions.person_id,
        followup_conditions.condition_id,
        followup_conditions.min_count,
        followup_conditions.min_distinct_days,
        int_activation__milestone_events.property_value,
        int_activation__milestone_events.event_at
    from followup_conditions
    inner join int_activation__milestone_events
        on
            followup_conditions.person_id = int_activation__milestone_events.person_id
            and followup_conditions.event_name = int_activation__milestone_events.event_name
    where
        cast(int_activation__milestone_events.event_at as date)
        > cast(followup_conditions.counted_from_at as date)
        and (
            followup_conditions.within_days is null
            or int_activation__milestone_events.event_at
            < {{ add_hours('followup_conditions.counted_from_at', '24 * followup_conditions.within_days') }}
        )
),

followup_conditions_reached as (
    {{ threshold_crossings('events_since_milestone') }}
),

final as (
    select
        person_id,
        condition_id,
        reached_at
    from signup_conditions_reached
    union all
    select
        person_id,
        condition_id,
        reached_at
    from followup_conditions_reached
)

select * from final
