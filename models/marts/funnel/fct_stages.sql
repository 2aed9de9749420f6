with

int_funnel__ordered_stages as (
    select * from {{ ref('int_funnel__ordered_stages') }}
),

int_funnel__stage_occurrences as (
    select * from {{ ref('int_funnel__stage_occurrences') }}
),

funnel_stages as (
    select * from {{ ref('funnel_stages') }}
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

previous_stages as (
    -- conversion is measured against the nearest required stage before
    select
        stages.stage,
        stages.stage_number,
        stages.is_required,
        max(before.stage_number) as previous_stage_number
    from funnel_stages as stages
    left join funnel_stages as before
        on before.is_required and stages.stage_number > before.stage_number
    group by stages.stage, stages.stage_number, stages.is_required
),

stages_reached as (
    select
        int_funnel__ordered_stages.entity_type,
        int_funnel__ordered_stages.entity_id,
        int_funnel__ordered_stages.stage,
        previous_stages.stage_number,
        previous_stages.is_required,
        previous_stages.previous_stage_number,
        int_funnel__ordered_stages.reached_at
    from int_funnel__ordered_stages
    inner join previous_stages
        on int_funnel__ordered_stages.stage = previous_stages.stage
),

final as (
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
        first_occurrences.first_occurred_at
    from stages_reached
    inner join first_occurrences
        on
            stages_reached.entity_type = first_occurrences.entity_type
            and stages_reached.entity_id = first_occurrences.entity_id
            and stages_reached.stage = first_occurrences.stage
    left join stages_reached as previous_reached
        on
            stages_reached.entity_type = previous_reached.entity_type
            and stages_reached.entity_id = previous_reached.entity_id
            and stages_reached.previous_stage_number = previous_reached.stage_number
)

select * from final
