{%- set growth_funnel = var('growth_funnel', 'growth') -%}
with

int_funnel__attempt_steps as (
    select * from {{ ref('int_funnel__attempt_steps') }}
    where funnel_key = '{{ growth_funnel }}'
),

int_funnel__stage_occurrences as (
    select * from {{ ref('int_funnel__stage_occurrences') }}
),

first_occurrences as (
    select
        entity_type,
        entity_id,
        stage,
        min(earliest_at) as first_occurred_at
    from int_funnel__stage_occurrences
    group by entity_type, entity_id, stage
),

stages_reached as (
    select
        entity_type,
        entity_id,
        step_key as stage,
        step_number as stage_number,
        is_required,
        level,
        reached_at
    from int_funnel__attempt_steps
),

final as (
    -- conversion is measured against the nearest required stage before
    select
        stages_reached.entity_type,
        stages_reached.entity_id,

        stages_reached.stage,
        stages_reached.stage_number,
        stages_reached.is_required,
        previous_reached.stage as previous_stage,
        stages_reached.stage_number = max(stages_reached.stage_number) over (
            partition by stages_reached.entity_type, stages_reached.entity_id
        ) as is_furthest,

        {{ seconds_between('previous_reached.reached_at', 'stages_reached.reached_at') }} / 86400.0
            as days_from_previous,

        stages_reached.reached_at,
        coalesce(first_occurrences.first_occurred_at, stages_reached.reached_at) as first_occurred_at
    from stages_reached
    left join first_occurrences
        on
            stages_reached.entity_type = first_occurrences.entity_type
            and stages_reached.entity_id = first_occurrences.entity_id
            and stages_reached.stage = first_occurrences.stage
    left join stages_reached as previous_reached
        on
            stages_reached.entity_type = previous_reached.entity_type
            and stages_reached.entity_id = previous_reached.entity_id
            and previous_reached.is_required
            and previous_reached.level
            = case when stages_reached.is_required then stages_reached.level - 1 else stages_reached.level end
)

select * from final
