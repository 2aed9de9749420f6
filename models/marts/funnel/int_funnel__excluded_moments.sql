with

int_funnel__sequences as (
    select * from {{ ref('int_funnel__sequences') }}
),

int_funnel__steps as (
    select * from {{ ref('int_funnel__steps') }}
),

int_funnel__events as (
    select * from {{ ref('int_funnel__events') }}
),

int_funnel__stage_occurrences as (
    select * from {{ ref('int_funnel__stage_occurrences') }}
),

funnel_exclusions as (
    select * from {{ ref('funnel_exclusions') }}
),

exclusion_names as (
    select
        funnel_key,
        from_step,
        to_step,
        source,
        {{ split_to_rows('names') }} as untrimmed_name
    from funnel_exclusions
),

exclusions_by_level as (
    -- an exclusion between two steps acts on every required step but the last of them
    select distinct
        steps.funnel_key,
        steps.entity_type,
        steps.order_mode,
        steps.level,
        exclusion_names.source,
        trim(exclusion_names.untrimmed_name) as name
    from exclusion_names
    inner join int_funnel__steps as steps
        on
            exclusion_names.funnel_key = steps.funnel_key
            and exclusion_names.from_step <= steps.step_number
            and exclusion_names.to_step > steps.step_number
    where steps.is_required
),

excluded as (
    select
        exclusions_by_level.funnel_key,
        exclusions_by_level.entity_type,
        exclusions_by_level.level,
        case exclusions_by_level.entity_type
            when 'person' then int_funnel__events.person_id
            else int_funnel__events.account_id
        end as entity_id,
        int_funnel__events.at_us
    from int_funnel__events
    inner join exclusions_by_level
        on
            exclusions_by_level.source = 'event'
            and int_funnel__events.event_name = exclusions_by_level.name
    union all
    select
        exclusions_by_level.funnel_key,
        exclusions_by_level.entity_type,
        exclusions_by_level.level,
        int_funnel__stage_occurrences.entity_id,
        {{ epoch_micros('int_funnel__stage_occurrences.earliest_at') }} as at_us
    from int_funnel__stage_occurrences
    inner join exclusions_by_level
        on
            exclusions_by_level.source = 'stage'
            and int_funnel__stage_occurrences.entity_type = exclusions_by_level.entity_type
            and int_funnel__stage_occurrences.stage = exclusions_by_level.name
),

final as (
    -- in any order it acts after all steps
    select distinct
        int_funnel__sequences.sequence_id,
        case int_funnel__sequences.order_mode when 'any' then 0 else excluded.level end as level,
        excluded.at_us
    from excluded
    inner join int_funnel__sequences
        on
            excluded.funnel_key = int_funnel__sequences.funnel_key
            and excluded.entity_type = int_funnel__sequences.entity_type
            and excluded.entity_id = int_funnel__sequences.entity_id
)

select * from final
