with

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

signals as (
    select * from {{ ref('int_pql__signals') }}
),

signal_events as (
    select * from {{ ref('int_pql__signal_events') }}
),

evidence_log as (
    select evidence_log.*
    from {{ ref('int_pql__evidence_log') }} as evidence_log
    cross join build_window
    where evidence_log.activity_date >= build_window.evidence_from
),

evidence_spans as (
    -- what was known of a day's event holds until more is known, or it turns out not to be theirs
    select
        account_id,
        person_id,
        event_name,
        activity_date,
        quota_share,
        is_withdrawn,
        count_events,
        count_stretches,
        last_event_at,
        known_from,
        coalesce(lead(known_from) over versions, date '9999-12-31') as known_to,
        coalesce(lead(is_withdrawn) over versions, false)
        or coalesce(lead(last_event_at) over versions < last_event_at, false) as is_taken_back
    from evidence_log
    window versions as (
        partition by account_id, person_id, event_name, activity_date, quota_share
        order by known_from
    )
),

evidence_by_signal as (
    select
        signals.model_key,
        signals.signal_key,
        signals.kind,
        signals.threshold,
        signal_events.role,
        case signals.level
            when 'user' then evidence_spans.person_id
            else evidence_spans.account_id
        end as entity_id,
        -- who did it matters only where people are counted
        case when signals.kind = 'distinct_users' then evidence_spans.person_id else '' end as person_id,
        evidence_spans.activity_date,
        evidence_spans.known_from as known_date,
        least(
            evidence_spans.known_to,
            {{ add_days('evidence_spans.activity_date', 'signals.window_days') }}
        ) as expires_date,
        evidence_spans.is_taken_back
        and evidence_spans.known_to < {{ add_days('evidence_spans.activity_date', 'signals.window_days') }} as is_taken_back,
        evidence_spans.last_event_at,
        case signals.kind
            when 'session_count' then evidence_spans.count_stretches
            else evidence_spans.count_events
        end as count_events
    from evidence_spans
    inner join signal_events on evidence_spans.event_name = signal_events.event_name
    inner join signals
        on
            signal_events.model_key = signals.model_key
            and signal_events.signal_key = signals.signal_key
    where
        not evidence_spans.is_withdrawn
        and (signals.kind <> 'quota_share' or evidence_spans.quota_share > signals.threshold)
        and (signals.level <> 'user' or evidence_spans.person_id <> '')
),

endings as (
    select
        model_key,
        signal_key,
        entity_id,
        known_date,
        last_event_at
    from evidence_by_signal
    where role = 'ends'
),

waits as (
    select
        evidence_by_signal.*,
        {{ add_hours('evidence_by_signal.last_event_at', 'evidence_by_signal.threshold') }} as overdue_at
    from evidence_by_signal
    where
        role = 'counts'
        and kind = 'not_followed'
),

waits_ended as (
    -- the first that was heard of an end, however late
    select
        waits.model_key,
        waits.signal_key,
        waits.entity_id,
        waits.activity_date,
        waits.last_event_at,
        min(endings.known_date) as ended_date
    from waits
    inner join endings
        on
            waits.model_key = endings.model_key
            and waits.signal_key = endings.signal_key
            and waits.entity_id = endings.entity_id
            and waits.last_event_at <= endings.last_event_at
    group by
        waits.model_key,
        waits.signal_key,
        waits.entity_id,
        waits.activity_date,
        waits.last_event_at
),

occurrences as (
    select
        model_key,
        signal_key,
        entity_id,
        person_id,
        activity_date,
        known_date,
        expires_date,
        is_taken_back,
        last_event_at,
        count_events
    from evidence_by_signal
    where
        role = 'counts'
        and kind <> 'not_followed'
    union all
    select
        waits.model_key,
        waits.signal_key,
        waits.entity_id,
        waits.person_id,
        waits.activity_date,
        greatest(waits.known_date, cast(waits.overdue_at as date)) as known_date,
        least(waits.expires_date, coalesce(waits_ended.ended_date, waits.expires_date)) as expires_date,
        waits.is_taken_back or coalesce(waits_ended.ended_date < waits.expires_date, false) as is_taken_back,
        waits.last_event_at,
        waits.count_events
    from waits
    cross join build_window
    left join waits_ended
        on
            waits.model_key = waits_ended.model_key
            and waits.signal_key = waits_ended.signal_key
            and waits.entity_id = waits_ended.entity_id
            and waits.activity_date = waits_ended.activity_date
            and waits.last_event_at = waits_ended.last_event_at
    where waits.overdue_at <= build_window.as_of_at
),

final as (
    -- evidence received after its window had passed is left out: no day ever saw it
    select
        model_key,
        signal_key,
        entity_id,
        person_id,
        activity_date,
        known_date,
        expires_date,
        max(case when is_taken_back then 1 else 0 end) = 1 as is_taken_back,
        max(last_event_at) as last_event_at,
        cast(sum(count_events) as bigint) as count_events
    from occurrences
    where known_date < expires_date
    group by
        model_key,
        signal_key,
        entity_id,
        person_id,
        activity_date,
        known_date,
        expires_date
)

select * from final
