with

int_funnel__steps as (
    select * from {{ ref('int_funnel__steps') }}
),

int_funnel__events as (
    select * from {{ ref('int_funnel__events') }}
),

int_funnel__stage_occurrences as (
    select * from {{ ref('int_funnel__stage_occurrences') }}
),

first_steps as (
    select * from int_funnel__steps
    where step_number = 1
),

starts as (
    select
        first_steps.funnel_key,
        first_steps.entity_type,
        int_funnel__events.person_id as entity_id,
        int_funnel__events.at_us
    from int_funnel__events
    inner join first_steps
        on
            int_funnel__events.event_name = first_steps.name
            and first_steps.source = 'event'
            and first_steps.entity_type = 'person'
    union all
    select
        first_steps.funnel_key,
        first_steps.entity_type,
        int_funnel__events.account_id as entity_id,
        int_funnel__events.at_us
    from int_funnel__events
    inner join first_steps
        on
            int_funnel__events.event_name = first_steps.name
            and first_steps.source = 'event'
            and first_steps.entity_type = 'account'
    where int_funnel__events.account_id is not null
    union all
    select
        first_steps.funnel_key,
        first_steps.entity_type,
        int_funnel__stage_occurrences.entity_id,
        {{ epoch_micros('int_funnel__stage_occurrences.earliest_at') }} as at_us
    from int_funnel__stage_occurrences
    inner join first_steps
        on
            int_funnel__stage_occurrences.stage = first_steps.name
            and int_funnel__stage_occurrences.entity_type = first_steps.entity_type
            and first_steps.source = 'stage'
),

sequences as (
    select
        funnel_key,
        entity_type,
        entity_id,
        count(distinct at_us) as count_starts,
        min(at_us) as first_start_us,
        max(at_us) as last_start_us
    from starts
    group by funnel_key, entity_type, entity_id
),

funnels as (
    select
        funnel_key,
        entity_type,
        order_mode,
        counting,
        window_us,
        tolerance_us,
        max(level) as count_levels
    from int_funnel__steps
    group by funnel_key, entity_type, order_mode, counting, window_us, tolerance_us
),

final as (
    select
        row_number() over (
            order by sequences.funnel_key, sequences.entity_type, sequences.entity_id
        ) as sequence_id,
        sequences.funnel_key,
        sequences.entity_type,
        sequences.entity_id,
        funnels.order_mode,
        funnels.counting,
        funnels.window_us,
        funnels.tolerance_us,
        funnels.count_levels,
        sequences.count_starts,
        sequences.first_start_us,
        case
            when funnels.counting = 'first_attempt' then sequences.first_start_us
            else sequences.last_start_us
        end as last_start_us
    from sequences
    inner join funnels
        on
            sequences.funnel_key = funnels.funnel_key
            and sequences.entity_type = funnels.entity_type
)

select * from final
