with

int_funnel__strict_candidates as (
    select * from {{ ref('int_funnel__strict_candidates') }}
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

sequences_concerned as (
    select
        candidates.sequence_id,
        candidates.entity_type,
        candidates.entity_id,
        candidates.tolerance_us,
        {{ micros_at('min(candidates.at_us)') }} as from_at,
        least(
            {{ micros_at('max(candidates.deadline_us)') }},
            max(dim_as_of.as_of_at) + interval 1 microsecond
        ) as until_at
    from int_funnel__strict_candidates as candidates
    cross join dim_as_of
    group by
        candidates.sequence_id,
        candidates.entity_type,
        candidates.entity_id,
        candidates.tolerance_us
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
            and fct_person_events.event_at >= sequences_concerned.from_at
            and fct_person_events.event_at < sequences_concerned.until_at
            and sequences_concerned.entity_type = 'person'
    where fct_person_events.event_name in (select event_name from product_activity)
    union all
    select
        sequences_concerned.sequence_id,
        sequences_concerned.tolerance_us,
        {{ epoch_micros('fct_person_events.event_at') }} as at_us
    from fct_person_events
    inner join sequences_concerned
        on
            fct_person_events.account_id = sequences_concerned.entity_id
            and fct_person_events.event_at >= sequences_concerned.from_at
            and fct_person_events.event_at < sequences_concerned.until_at
            and sequences_concerned.entity_type = 'account'
    where fct_person_events.event_name in (select event_name from product_activity)
),

candidates_and_activity as (
    select
        sequence_id,
        level,
        at_us,
        0 as is_activity,
        cast(null as bigint) as until_us
    from int_funnel__strict_candidates
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
