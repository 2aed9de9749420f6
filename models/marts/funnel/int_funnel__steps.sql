with

funnel_definitions as (
    select * from {{ ref('funnel_definitions') }}
),

funnel_steps as (
    select * from {{ ref('funnel_steps') }}
),

entity_types as (
    select 'person' as entity_type
    union all
    select 'account' as entity_type
),

funnels as (
    select
        funnel_definitions.funnel_key,
        entity_types.entity_type,
        funnel_definitions.order_mode,
        funnel_definitions.counting,
        {{ micros_of_hours('funnel_definitions.window_hours') }} as window_us,
        cast(coalesce(funnel_definitions.tolerance_seconds, 0) * 1000000 as bigint) as tolerance_us
    from funnel_definitions
    inner join entity_types
        on funnel_definitions.entity_type in (entity_types.entity_type, 'both')
    where
        funnel_definitions.product_line is null
        or funnel_definitions.product_line = {{ product_line() }}
),

steps_numbered as (
    -- a step that is not required hangs on the required one before it
    select
        funnel_steps.*,
        sum(case when is_required then 1 else 0 end) over (
            partition by funnel_key order by step_number
        ) as level
    from funnel_steps
),

names_split as (
    select
        funnel_key,
        step_number,
        source,
        {{ split_to_rows('names') }} as untrimmed_name
    from funnel_steps
),

names_placed as (
    select
        funnel_key,
        step_number,
        source,
        trim(untrimmed_name) as name,
        min(step_number) over (
            partition by funnel_key, source, trim(untrimmed_name)
        ) as first_step_number
    from names_split
),

names_ranked as (
    -- at one moment what an earlier step asks for comes first
    select
        funnel_key,
        step_number,
        name,
        dense_rank() over (
            partition by funnel_key order by first_step_number, source, name
        ) as name_rank
    from names_placed
),

final as (
    select
        funnels.funnel_key,
        funnels.entity_type,
        funnels.order_mode,
        funnels.counting,
        cast(steps_numbered.step_number as integer) as step_number,
        steps_numbered.step_key,
        steps_numbered.is_required,
        cast(steps_numbered.level as integer) as level,
        steps_numbered.source,
        names_ranked.name,
        cast(names_ranked.name_rank as bigint) as name_rank,
        {{ micros_of_hours('steps_numbered.within_hours') }} as within_us,
        funnels.window_us,
        funnels.tolerance_us
    from funnels
    inner join steps_numbered
        on funnels.funnel_key = steps_numbered.funnel_key
    inner join names_ranked
        on
            steps_numbered.funnel_key = names_ranked.funnel_key
            and steps_numbered.step_number = names_ranked.step_number
)

select * from final
