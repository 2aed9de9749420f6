with

int_funnel__sequences as (
    select * from {{ ref('int_funnel__sequences') }}
    where order_mode = 'strict'
),

int_funnel__points as (
    select * from {{ ref('int_funnel__points') }}
),

fct_person_events as (
    select * from {{ ref('fct_person_events') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

product_activity as (
    select event_name from event_registry
    where is_product_activity
),

points_with_rules as (
    select
        int_funnel__points.sequence_id,
        int_funnel__points.level,
        int_funnel__points.at_us,
        int_funnel__points.deadline_us,
        int_funnel__sequences.tolerance_us
    from int_funnel__points
    inner join int_funnel__sequences
        on int_funnel__points.sequence_id = int_funnel__sequences.sequence_id
),

-- only where the next step is reached but for other activity, that activity has to be looked at
points_and_next_steps as (
    select
        sequence_id,
        level,
        at_us,
        deadline_us,
        tolerance_us,
        at_us - tolerance_us as sort_us,
        1 as is_point,
        cast(null as bigint) as next_at_us
    from points_with_rules
    union all
    select
        sequence_id,
        level - 1 as level,
        at_us,
        deadline_us,
        tolerance_us,
        at_us as sort_us,
        0 as is_point,
        at_us as next_at_us
    from points_with_rules
),

points_followed as (
    select
        sequence_id,
        level,
        at_us,
        deadline_us,
        tolerance_us,
        is_point,
        min(next_at_us) over (
            partition by sequence_id, level
            order by sort_us desc, is_point
            rows between unbounded preceding and current row
        ) as next_at_us
    from points_and_next_steps
),

candidates as (
    select distinct
        sequence_id,
        level,
        at_us,
        tolerance_us
    from points_followed
    where is_point = 1 and next_at_us < deadline_us
),

sequences_concerned as (
    select * from int_funnel__sequences
    where sequence_id in (select sequence_id from candidates)
),

activity as (
    select
        sequences_concerned.sequence_id,
        sequences_concerned.tolerance_us,
        {{ epoch_micros('fct_person_events.event_at') }} as at_us
    from fct_person_events
    inner join sequences_concerned
        on
            fct_person_events.person_id = sequences_concerned.entity_id
            and sequences_concerned.entity_type = 'person'
    cross join dim_as_of
    where
        fct_person_events.event_name in (select event_name from product_activity)
        and fct_person_events.event_at <= dim_as_of.as_of_at
    union all
    select
        sequences_concerned.sequence_id,
        sequences_concerned.tolerance_us,
        {{ epoch_micros('fct_person_events.event_at') }} as at_us
    from fct_person_events
    inner join sequences_concerned
        on
            fct_person_events.account_id = sequences_concerned.entity_id
            and sequences_concerned.entity_type = 'account'
    cross join dim_as_of
    where
        fct_person_events.event_name in (select event_name from product_activity)
        and fct_person_events.event_at <= dim_as_of.as_of_at
),

candidates_and_activity as (
    select
        sequence_id,
        level,
        at_us,
        0 as is_activity,
        cast(null as bigint) as until_us
    from candidates
    union all
    select
        sequence_id,
        cast(null as integer) as level,
        at_us - tolerance_us as at_us,
        1 as is_activity,
        at_us + tolerance_us + 1 as until_us
    from activity
),

final as (
    select
        sequence_id,
        level,
        at_us,
        until_us
    from (
        select
            sequence_id,
            level,
            at_us,
            is_activity,
            min(until_us) over (
                partition by sequence_id
                order by at_us desc, is_activity
                rows between unbounded preceding and current row
            ) as until_us
        from candidates_and_activity
    ) as in_order
    where is_activity = 0 and until_us is not null
)

select * from final
