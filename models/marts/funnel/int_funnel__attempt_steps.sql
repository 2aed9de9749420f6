{%- set max_steps = var('funnel_max_steps', 8) -%}
with

int_funnel__sequences as (
    select * from {{ ref('int_funnel__sequences') }}
),

int_funnel__points as (
    select * from {{ ref('int_funnel__points') }}
),

int_funnel__strict_deadlines as (
    select * from {{ ref('int_funnel__strict_deadlines') }}
),

int_funnel__steps as (
    select * from {{ ref('int_funnel__steps') }}
),

points_asking as (
    select
        int_funnel__points.sequence_id,
        int_funnel__points.step_number,
        int_funnel__points.level,
        int_funnel__points.is_required,
        int_funnel__points.at_us,
        int_funnel__points.position,
        least(
            int_funnel__points.deadline_us,
            coalesce(int_funnel__strict_deadlines.until_us, {{ no_deadline() }})
        ) as deadline_us,
        int_funnel__sequences.order_mode,
        int_funnel__sequences.counting,
        int_funnel__sequences.window_us,
        {{ funnel_ask_position(
            'int_funnel__points.position', 'int_funnel__points.at_us', 'int_funnel__sequences.tolerance_us'
        ) }} as ask_position
    from int_funnel__points
    inner join int_funnel__sequences
        on int_funnel__points.sequence_id = int_funnel__sequences.sequence_id
    left join int_funnel__strict_deadlines
        on
            int_funnel__points.sequence_id = int_funnel__strict_deadlines.sequence_id
            and int_funnel__points.level = int_funnel__strict_deadlines.level
            and int_funnel__points.at_us = int_funnel__strict_deadlines.at_us
),

-- where every start is an attempt, it ends where the next begins
points_by_start as (
    select
        sequence_id,
        step_number,
        level,
        is_required,
        at_us,
        position,
        ask_position,
        deadline_us,
        counting,
        window_us,
        case
            when step_number = 1 then position
            else max(case when step_number = 1 then position end) over (
                partition by sequence_id
                order by
                    case when step_number = 1 then position else ask_position end,
                    case when step_number = 1 then 1 else 0 end
                rows between unbounded preceding and current row
            )
        end as segment
    from points_asking
    where counting = 'every_attempt' and order_mode <> 'any'
),

points_in_segments as (
    select
        sequence_id,
        step_number,
        level,
        is_required,
        at_us,
        position,
        ask_position,
        deadline_us,
        counting,
        window_us,
        segment
    from points_by_start
    where segment is not null
    union all
    select
        sequence_id,
        step_number,
        level,
        is_required,
        at_us,
        position,
        ask_position,
        deadline_us,
        counting,
        window_us,
        cast(0 as bigint) as segment
    from points_asking
    where counting <> 'every_attempt' and order_mode <> 'any'
),

required_points as (
    select * from points_in_segments
    where is_required
),

points_in_any_order as (
    select
        sequence_id,
        level,
        at_us,
        deadline_us,
        window_us
    from points_asking
    where order_mode = 'any'
),

{{ funnel_reached_points('required_points', max_steps) }}

{{ funnel_chains('int_funnel__sequences', max_steps) }}

{{ funnel_unordered('points_in_any_order', max_steps) }}

attempt_starts as (
    select
        sequence_id,
        segment,
        at_us,
        row_number() over (partition by sequence_id order by position) as attempt_number
    from chains
    where level = 1
),

required_steps_reached as (
    -- within the tolerance a step may be stamped before the one it follows: it counts from then
    select
        chains.sequence_id,
        attempt_starts.attempt_number,
        chains.segment,
        chains.level,
        chains.position,
        chains.at_us,
        chains.depth,
        attempt_starts.at_us as start_us,
        max(chains.at_us) over (
            partition by chains.sequence_id, chains.segment
            order by chains.level
            rows between unbounded preceding and current row
        ) as reached_us
    from chains
    inner join attempt_starts
        on
            chains.sequence_id = attempt_starts.sequence_id
            and chains.segment = attempt_starts.segment
),

optional_steps as (
    select distinct
        funnel_key,
        entity_type,
        step_number,
        level,
        within_us
    from int_funnel__steps
    where not is_required
),

optional_steps_reached as (
    select
        reached.sequence_id,
        reached.attempt_number,
        reached.level,
        optional_points.step_number,
        greatest(min(optional_points.at_us), min(reached.reached_us)) as reached_us
    from required_steps_reached as reached
    inner join int_funnel__sequences
        on reached.sequence_id = int_funnel__sequences.sequence_id
    inner join points_in_segments as optional_points
        on
            reached.sequence_id = optional_points.sequence_id
            and reached.segment = optional_points.segment
            and reached.level = optional_points.level
            and reached.position < optional_points.ask_position
    inner join optional_steps
        on
            int_funnel__sequences.funnel_key = optional_steps.funnel_key
            and int_funnel__sequences.entity_type = optional_steps.entity_type
            and optional_points.step_number = optional_steps.step_number
    where
        not optional_points.is_required
        and optional_points.at_us < reached.at_us + optional_steps.within_us
        and optional_points.at_us < reached.start_us + optional_points.window_us
    group by
        reached.sequence_id,
        reached.attempt_number,
        reached.level,
        optional_points.step_number
),

steps_reached as (
    select
        sequence_id,
        attempt_number,
        level,
        true as is_required,
        cast(null as integer) as step_number,
        reached_us
    from required_steps_reached
    union all
    select
        sequence_id,
        attempt_number,
        level,
        false as is_required,
        step_number,
        reached_us
    from optional_steps_reached
    union all
    select
        sequence_id,
        1 as attempt_number,
        level,
        true as is_required,
        cast(null as integer) as step_number,
        at_us as reached_us
    from unordered
),

step_keys as (
    select distinct
        funnel_key,
        entity_type,
        step_number,
        step_key,
        level,
        is_required
    from int_funnel__steps
),

final as (
    select
        int_funnel__sequences.funnel_key,
        int_funnel__sequences.entity_type,
        int_funnel__sequences.entity_id,
        cast(steps_reached.attempt_number as integer) as attempt_number,
        step_keys.step_number,
        step_keys.step_key,
        step_keys.is_required,
        step_keys.level,
        {{ micros_at('steps_reached.reached_us') }} as reached_at
    from steps_reached
    inner join int_funnel__sequences
        on steps_reached.sequence_id = int_funnel__sequences.sequence_id
    inner join step_keys
        on
            int_funnel__sequences.funnel_key = step_keys.funnel_key
            and int_funnel__sequences.entity_type = step_keys.entity_type
            and steps_reached.level = step_keys.level
            and steps_reached.is_required = step_keys.is_required
            and (steps_reached.is_required or steps_reached.step_number = step_keys.step_number)
)

select * from final
