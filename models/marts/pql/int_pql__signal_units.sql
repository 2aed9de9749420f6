with

signals as (
    select * from {{ ref('int_pql__signals') }}
),

occurrences as (
    select * from {{ ref('int_pql__occurrences') }}
),

occurrences_of_signals as (
    select
        occurrences.*,
        signals.kind,
        signals.threshold
    from occurrences
    inner join signals
        on
            occurrences.model_key = signals.model_key
            and occurrences.signal_key = signals.signal_key
),

counted_events as (
    select
        model_key,
        signal_key,
        entity_id,
        known_date as valid_from,
        expires_date as valid_to,
        cast(sum(count_events) as bigint) as count_units
    from occurrences_of_signals
    where kind in ('event_count', 'session_count', 'not_followed', 'quota_share')
    group by
        model_key,
        signal_key,
        entity_id,
        known_date,
        expires_date
),

changes_of_busy_days as (
    select
        model_key,
        signal_key,
        entity_id,
        activity_date,
        threshold,
        known_date as change_date,
        count_events as change_in_count
    from occurrences_of_signals
    where kind = 'busy_days'
    union all
    select
        model_key,
        signal_key,
        entity_id,
        activity_date,
        threshold,
        expires_date as change_date,
        -count_events as change_in_count
    from occurrences_of_signals
    where kind = 'busy_days'
),

busy_days_followed as (
    -- how much was known of a day, as time went on
    select
        model_key,
        signal_key,
        entity_id,
        activity_date,
        threshold,
        change_date,
        sum(sum(change_in_count)) over (
            partition by model_key, signal_key, entity_id, activity_date
            order by change_date
            rows between unbounded preceding and current row
        ) as count_events,
        lead(change_date) over (
            partition by model_key, signal_key, entity_id, activity_date
            order by change_date
        ) as next_change_date
    from changes_of_busy_days
    group by
        model_key,
        signal_key,
        entity_id,
        activity_date,
        threshold,
        change_date
),

-- a day or a person counts once, however much there is of it
unit_spans as (
    select
        model_key,
        signal_key,
        entity_id,
        case kind
            when 'distinct_users' then person_id
            else cast(activity_date as varchar)
        end as unit_key,
        known_date as valid_from,
        expires_date as valid_to
    from occurrences_of_signals
    where
        kind = 'distinct_days'
        or (kind = 'distinct_users' and person_id <> '')
    union all
    select
        model_key,
        signal_key,
        entity_id,
        cast(activity_date as varchar) as unit_key,
        change_date as valid_from,
        next_change_date as valid_to
    from busy_days_followed
    where count_events >= threshold
),

unit_spans_followed as (
    -- how far the spans of a unit that began before reach
    select
        *,
        max(valid_to) over (
            partition by model_key, signal_key, entity_id, unit_key
            order by valid_from, valid_to
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from unit_spans
),

unit_stretches as (
    -- spans that touch are one stretch over which the unit counts once
    select
        *,
        sum(case when covered_until >= valid_from then 0 else 1 end) over (
            partition by model_key, signal_key, entity_id, unit_key
            order by valid_from, valid_to
            rows between unbounded preceding and current row
        ) as stretch_number
    from unit_spans_followed
),

units_merged as (
    select
        model_key,
        signal_key,
        entity_id,
        unit_key,
        stretch_number,
        min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from unit_stretches
    group by
        model_key,
        signal_key,
        entity_id,
        unit_key,
        stretch_number
),

units_counted as (
    select
        model_key,
        signal_key,
        entity_id,
        valid_from,
        valid_to,
        count(*) as count_units
    from units_merged
    group by
        model_key,
        signal_key,
        entity_id,
        valid_from,
        valid_to
),

final as (
    select * from counted_events
    union all
    select * from units_counted
)

select * from final
