with

int_funnel__steps as (
    select * from {{ ref('int_funnel__steps') }}
),

int_funnel__sequences as (
    select * from {{ ref('int_funnel__sequences') }}
),

int_funnel__events as (
    select * from {{ ref('int_funnel__events') }}
),

int_funnel__stage_occurrences as (
    select * from {{ ref('int_funnel__stage_occurrences') }}
),

int_funnel__excluded_moments as (
    select * from {{ ref('int_funnel__excluded_moments') }}
),

occurrences_of_people as (
    select
        steps.funnel_key,
        steps.entity_type,
        int_funnel__events.person_id as entity_id,
        steps.step_number,
        steps.name_rank,
        int_funnel__events.at_us,
        int_funnel__events.at_us as latest_us
    from int_funnel__events
    inner join int_funnel__steps as steps
        on
            int_funnel__events.event_name = steps.name
            and steps.source = 'event'
            and steps.entity_type = 'person'
),

occurrences_of_accounts as (
    select
        steps.funnel_key,
        steps.entity_type,
        int_funnel__events.account_id as entity_id,
        steps.step_number,
        steps.name_rank,
        int_funnel__events.at_us,
        int_funnel__events.at_us as latest_us
    from int_funnel__events
    inner join int_funnel__steps as steps
        on
            int_funnel__events.event_name = steps.name
            and steps.source = 'event'
            and steps.entity_type = 'account'
),

occurrences_of_stages as (
    select
        steps.funnel_key,
        steps.entity_type,
        int_funnel__stage_occurrences.entity_id,
        steps.step_number,
        steps.name_rank,
        {{ epoch_micros('int_funnel__stage_occurrences.earliest_at') }} as at_us,
        {{ epoch_micros('int_funnel__stage_occurrences.latest_at') }} as latest_us
    from int_funnel__stage_occurrences
    inner join int_funnel__steps as steps
        on
            int_funnel__stage_occurrences.stage = steps.name
            and steps.source = 'stage'
            and int_funnel__stage_occurrences.entity_type = steps.entity_type
),

occurrences as (
    select
        int_funnel__sequences.sequence_id,
        int_funnel__sequences.order_mode,
        all_occurrences.step_number,
        all_occurrences.name_rank,
        all_occurrences.at_us,
        all_occurrences.latest_us
    from (
        select * from occurrences_of_people
        union all
        select * from occurrences_of_accounts
        union all
        select * from occurrences_of_stages
    ) as all_occurrences
    inner join int_funnel__sequences
        on
            all_occurrences.funnel_key = int_funnel__sequences.funnel_key
            and all_occurrences.entity_type = int_funnel__sequences.entity_type
            and all_occurrences.entity_id = int_funnel__sequences.entity_id
            -- what no window of an attempt can hold is left out early
            and all_occurrences.at_us < int_funnel__sequences.last_start_us + int_funnel__sequences.window_us
            and (
                all_occurrences.latest_us
                >= int_funnel__sequences.first_start_us
                - int_funnel__sequences.tolerance_us * int_funnel__sequences.count_levels
                or (
                    int_funnel__sequences.order_mode = 'any'
                    and all_occurrences.latest_us > int_funnel__sequences.first_start_us - int_funnel__sequences.window_us
                )
            )
),

-- what lasts, or is known to the day only, is reached when it begins, or while it lasts at the
-- moment of an earlier step
moments as (
    select
        sequence_id,
        step_number,
        name_rank,
        at_us
    from occurrences
    union all
    select
        lasting.sequence_id,
        lasting.step_number,
        lasting.name_rank,
        others.at_us
    from occurrences as lasting
    inner join occurrences as others
        on
            lasting.sequence_id = others.sequence_id
            and lasting.at_us < others.at_us
            and lasting.latest_us >= others.at_us
    where
        lasting.latest_us > lasting.at_us
        and lasting.step_number > 1
        and (others.step_number < lasting.step_number or lasting.order_mode = 'any')
),

step_rules as (
    select distinct
        steps.funnel_key,
        steps.entity_type,
        steps.step_number,
        steps.level,
        steps.is_required,
        next_steps.within_us
    from int_funnel__steps as steps
    left join int_funnel__steps as next_steps
        on
            steps.funnel_key = next_steps.funnel_key
            and steps.entity_type = next_steps.entity_type
            and steps.level + 1 = next_steps.level
            and steps.is_required
            and next_steps.is_required
),

points as (
    select
        moments.sequence_id,
        int_funnel__sequences.order_mode,
        int_funnel__sequences.tolerance_us,
        moments.step_number,
        step_rules.level,
        step_rules.is_required,
        moments.at_us,
        {{ funnel_position('moments.at_us', 'moments.name_rank') }} as position,
        moments.at_us + coalesce(step_rules.within_us, {{ no_deadline() }}) as window_closes_us
    from moments
    inner join int_funnel__sequences
        on moments.sequence_id = int_funnel__sequences.sequence_id
    inner join step_rules
        on
            int_funnel__sequences.funnel_key = step_rules.funnel_key
            and int_funnel__sequences.entity_type = step_rules.entity_type
            and moments.step_number = step_rules.step_number
),

-- what may come between a step and the next: exclusions after that step, exclusions after all
-- steps (any order), other steps of the funnel (strict; the next step itself is one of them)
breaks as (
    select
        sequence_id,
        level,
        at_us as after_us,
        at_us as until_us
    from int_funnel__excluded_moments
    union all
    select
        sequence_id,
        -1 as level,
        at_us - tolerance_us as after_us,
        at_us + tolerance_us + 1 as until_us
    from points
    where order_mode = 'strict'
),

points_asking as (
    select
        sequence_id,
        level,
        at_us,
        level as break_level
    from points
    where is_required and order_mode <> 'any'
    union all
    select
        sequence_id,
        level,
        at_us,
        case order_mode when 'any' then 0 else -1 end as break_level
    from points
    where order_mode in ('any', 'strict')
),

-- the first break after each point, going from the last moment to the first
points_and_breaks as (
    select
        sequence_id,
        break_level,
        level,
        at_us,
        0 as is_break,
        cast(null as bigint) as until_us
    from points_asking
    where sequence_id in (select sequence_id from breaks)
    union all
    select
        sequence_id,
        level as break_level,
        cast(null as integer) as level,
        after_us as at_us,
        1 as is_break,
        until_us
    from breaks
),

points_broken as (
    select
        sequence_id,
        level,
        at_us,
        min(until_us) as until_us
    from (
        select
            sequence_id,
            level,
            at_us,
            is_break,
            min(until_us) over (
                partition by sequence_id, break_level
                order by at_us desc, is_break
                rows between unbounded preceding and current row
            ) as until_us
        from points_and_breaks
    ) as in_order
    where is_break = 0 and until_us is not null
    group by sequence_id, level, at_us
),

final as (
    select
        points.sequence_id,
        points.step_number,
        points.level,
        points.is_required,
        points.at_us,
        points.position,
        least(
            points.window_closes_us, coalesce(points_broken.until_us, {{ no_deadline() }})
        ) as deadline_us
    from points
    left join points_broken
        on
            points.is_required
            and points.sequence_id = points_broken.sequence_id
            and points.level = points_broken.level
            and points.at_us = points_broken.at_us
)

select * from final
