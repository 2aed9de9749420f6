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

fct_person_events as (
    select * from {{ ref('fct_person_events') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
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
            and steps.step_number >= exclusion_names.from_step
            and steps.step_number < exclusion_names.to_step
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

strict_sequences as (
    select * from int_funnel__sequences
    where order_mode = 'strict'
),

strict_names as (
    -- what counts as something in between: using the product, and the funnel's own steps
    select
        strict_funnels.funnel_key,
        strict_funnels.entity_type,
        event_registry.event_name
    from (select distinct funnel_key, entity_type from strict_sequences) as strict_funnels
    cross join event_registry
    where event_registry.is_product_activity
    union
    select
        funnel_key,
        entity_type,
        name as event_name
    from int_funnel__steps
    where order_mode = 'strict' and source = 'event'
),

strict_people as (
    select
        strict_sequences.sequence_id,
        strict_sequences.tolerance_us,
        strict_names.event_name,
        strict_sequences.entity_id,
        strict_sequences.entity_type
    from strict_sequences
    inner join strict_names
        on
            strict_sequences.funnel_key = strict_names.funnel_key
            and strict_sequences.entity_type = strict_names.entity_type
),

activity_of_people as (
    select
        strict_people.sequence_id,
        strict_people.tolerance_us,
        {{ epoch_micros('fct_person_events.event_at') }} as at_us
    from fct_person_events
    inner join strict_people
        on
            fct_person_events.person_id = strict_people.entity_id
            and fct_person_events.event_name = strict_people.event_name
            and strict_people.entity_type = 'person'
    cross join dim_as_of
    where fct_person_events.event_at <= dim_as_of.as_of_at
),

activity_of_accounts as (
    select
        strict_people.sequence_id,
        strict_people.tolerance_us,
        {{ epoch_micros('fct_person_events.event_at') }} as at_us
    from fct_person_events
    inner join strict_people
        on
            fct_person_events.account_id = strict_people.entity_id
            and fct_person_events.event_name = strict_people.event_name
            and strict_people.entity_type = 'account'
    cross join dim_as_of
    where fct_person_events.event_at <= dim_as_of.as_of_at
),

activity as (
    select * from activity_of_people
    union all
    select * from activity_of_accounts
),

final as (
    -- a step asked from before `after_us` must be reached before `until_us`
    select
        int_funnel__sequences.sequence_id,
        case int_funnel__sequences.order_mode when 'any' then 0 else excluded.level end as level,
        excluded.at_us as after_us,
        excluded.at_us as until_us
    from excluded
    inner join int_funnel__sequences
        on
            excluded.funnel_key = int_funnel__sequences.funnel_key
            and excluded.entity_type = int_funnel__sequences.entity_type
            and excluded.entity_id = int_funnel__sequences.entity_id
    union all
    -- level 0: for all steps; the very next activity may be the next step itself
    select
        sequence_id,
        0 as level,
        at_us - tolerance_us as after_us,
        at_us + tolerance_us + 1 as until_us
    from activity
)

select * from final
