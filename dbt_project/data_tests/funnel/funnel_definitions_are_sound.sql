-- what the seeds of the funnels may not say, with the reason
with

definitions as (
    select * from {{ ref('funnel_definitions') }}
),

steps as (
    select * from {{ ref('funnel_steps') }}
),

exclusions as (
    select * from {{ ref('funnel_exclusions') }}
),

conversions as (
    select * from {{ ref('funnel_conversions') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

names_split as (
    select
        funnel_key,
        step_number,
        source,
        {{ split_to_rows('names') }} as untrimmed_name
    from steps
    union all
    select
        funnel_key,
        cast(null as integer) as step_number,
        source,
        {{ split_to_rows('names') }} as untrimmed_name
    from exclusions
),

names as (
    select
        funnel_key,
        step_number,
        source,
        trim(untrimmed_name) as name
    from names_split
),

repeated_names as (
    select
        funnel_key,
        source,
        name,
        min(step_number) as first_step_number
    from names
    where step_number is not null
    group by funnel_key, source, name
    having count(*) > 1
),

steps_counted as (
    select
        funnel_key,
        count(*) as count_steps,
        min(step_number) as first_number,
        max(step_number) as last_number,
        max(case when step_number = 1 and is_required then 1 else 0 end) as is_first_required,
        min(case when is_required then 1 else 0 end) as is_all_required,
        max(case when within_hours is null then 0 else 1 end) as has_windows
    from steps
    group by funnel_key
),

problems as (
    select
        definitions.funnel_key,
        'has no steps in funnel_steps' as problem
    from definitions
    left join steps_counted on definitions.funnel_key = steps_counted.funnel_key
    where steps_counted.funnel_key is null
    union all
    select
        funnel_key,
        'numbers its steps other than 1, 2, 3 … up to {{ var('funnel_max_steps', 8) }} (variable funnel_max_steps)' as problem
    from steps_counted
    where first_number <> 1 or last_number <> count_steps or last_number > {{ var('funnel_max_steps', 8) }}
    union all
    select
        funnel_key,
        'does not require its first step' as problem
    from steps_counted
    where is_first_required = 0
    union all
    select
        definitions.funnel_key,
        'is strict or in any order and has a step that is not required' as problem
    from definitions
    inner join steps_counted on definitions.funnel_key = steps_counted.funnel_key
    where definitions.order_mode <> 'ordered' and steps_counted.is_all_required = 0
    union all
    select
        definitions.funnel_key,
        'is in any order: it counts by best_attempt, and its steps have no windows and no tolerance' as problem
    from definitions
    inner join steps_counted on definitions.funnel_key = steps_counted.funnel_key
    where
        definitions.order_mode = 'any'
        and (
            definitions.counting <> 'best_attempt'
            or steps_counted.has_windows = 1
            or coalesce(definitions.tolerance_seconds, 0) <> 0
        )
    union all
    select
        definitions.funnel_key,
        'has a negative window or tolerance' as problem
    from definitions
    where definitions.window_hours <= 0 or definitions.tolerance_seconds < 0
    union all
    select
        funnel_key,
        'has a window of no length at step ' || cast(step_number as varchar) as problem
    from steps
    where within_hours <= 0
    union all
    select
        repeated_names.funnel_key,
        'asks for ' || repeated_names.name || ' twice, which a stage, a tolerance, any order, or (at the '
        || 'first step) counting every attempt does not allow' as problem
    from repeated_names
    inner join definitions on repeated_names.funnel_key = definitions.funnel_key
    where
        repeated_names.source = 'stage'
        or coalesce(definitions.tolerance_seconds, 0) > 0
        or definitions.order_mode = 'any'
        or (definitions.counting = 'every_attempt' and repeated_names.first_step_number = 1)
    union all
    select
        funnel_key,
        'has more than 62 names' as problem
    from names
    where step_number is not null
    group by funnel_key
    having count(distinct source || name) > 62
    union all
    select distinct
        names.funnel_key,
        'names an event the registry does not have: ' || names.name as problem
    from names
    left join event_registry on names.name = event_registry.event_name
    where names.source = 'event' and event_registry.event_name is null
    union all
    select distinct
        funnel_key,
        'names a stage there is not: ' || name as problem
    from names
    where
        source = 'stage'
        and name not in (
            'visitor', 'signed_up', 'signed_up_free', 'set_up', 'activated', 'habitual', 'pql',
            'paying', 'expanded', 'churned', 'reactivated'
        )
    union all
    select
        exclusions.funnel_key,
        'has an exclusion that is not from one required step to a later one, in any order from the first to the last'
            as problem
    from exclusions
    inner join definitions on exclusions.funnel_key = definitions.funnel_key
    inner join steps_counted on exclusions.funnel_key = steps_counted.funnel_key
    left join steps as from_steps
        on
            exclusions.funnel_key = from_steps.funnel_key
            and exclusions.from_step = from_steps.step_number
            and from_steps.is_required
    left join steps as to_steps
        on
            exclusions.funnel_key = to_steps.funnel_key
            and exclusions.to_step = to_steps.step_number
            and to_steps.is_required
    where
        from_steps.funnel_key is null
        or to_steps.funnel_key is null
        or exclusions.from_step >= exclusions.to_step
        or (
            definitions.order_mode = 'any'
            and (exclusions.from_step <> 1 or exclusions.to_step <> steps_counted.last_number)
        )
    union all
    select
        definitions.funnel_key,
        'goes by the touch at a step, and touch_step_number names none' as problem
    from definitions
    left join steps
        on
            definitions.funnel_key = steps.funnel_key
            and definitions.touch_step_number = steps.step_number
    where definitions.touch = 'step' and steps.funnel_key is null
    union all
    select
        conversions.funnel_key,
        'has no such steps, or not in that order, as ' || conversions.conversion_key || ' asks for' as problem
    from conversions
    left join steps as from_steps
        on
            conversions.funnel_key = from_steps.funnel_key
            and conversions.from_step_key = from_steps.step_key
    left join steps as to_steps
        on
            conversions.funnel_key = to_steps.funnel_key
            and conversions.to_step_key = to_steps.step_key
    where coalesce(from_steps.step_number >= to_steps.step_number, true)
)

select * from problems
