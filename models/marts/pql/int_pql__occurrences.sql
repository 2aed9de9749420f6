with

signals as (
    select * from {{ ref('int_pql__signals') }}
),

signal_events as (
    select * from {{ ref('int_pql__signal_events') }}
),

account_days as (
    select * from {{ ref('fct_account_days') }}
),

support_tickets as (
    select * from {{ ref('fct_support_tickets') }}
),

quota_usage as (
    select * from {{ ref('fct_quota_usage') }}
),

events_and_tickets as (
    select
        account_id,
        person_id,
        event_name,
        activity_date,
        received_date,
        last_event_at,
        count_events
    from account_days
    union all
    select
        account_id,
        person_id,
        'support_ticket_opened' as event_name,
        cast(opened_at as date) as activity_date,
        cast(opened_at as date) as received_date,
        opened_at as last_event_at,
        1 as count_events
    from support_tickets
    where account_id is not null
),

events_by_signal as (
    -- an event is known from the day it was received, and not before it happened
    select
        signals.model_key,
        signals.signal_key,
        events_and_tickets.account_id,
        -- who did it matters only where people are counted
        case when signals.kind = 'distinct_users' then events_and_tickets.person_id end as person_id,
        events_and_tickets.activity_date,
        greatest(events_and_tickets.activity_date, events_and_tickets.received_date) as known_date,
        max(events_and_tickets.last_event_at) as last_event_at,
        sum(events_and_tickets.count_events) as count_events
    from events_and_tickets
    inner join signal_events on events_and_tickets.event_name = signal_events.event_name
    inner join signals
        on
            signal_events.model_key = signals.model_key
            and signal_events.signal_key = signals.signal_key
    where signals.kind in ('event_count', 'distinct_days', 'distinct_users')
    group by
        signals.model_key,
        signals.signal_key,
        events_and_tickets.account_id,
        case when signals.kind = 'distinct_users' then events_and_tickets.person_id end,
        events_and_tickets.activity_date,
        greatest(events_and_tickets.activity_date, events_and_tickets.received_date)
),

quota_reports as (
    -- a report counts when it lies above the threshold; one at the threshold does not
    select
        signals.model_key,
        signals.signal_key,
        quota_usage.account_id,
        cast(null as varchar) as person_id,
        quota_usage.usage_date as activity_date,
        greatest(quota_usage.usage_date, quota_usage.received_date) as known_date,
        max(quota_usage.reported_at) as last_event_at,
        count(*) as count_events
    from quota_usage
    inner join signals on signals.kind = 'quota_share'
    where quota_usage.quota_share > signals.threshold
    group by
        signals.model_key,
        signals.signal_key,
        quota_usage.account_id,
        quota_usage.usage_date,
        greatest(quota_usage.usage_date, quota_usage.received_date)
),

occurrences as (
    select * from events_by_signal
    union all
    select * from quota_reports
),

final as (
    -- evidence received after its window had passed is left out: no day ever saw it
    select
        occurrences.model_key,
        occurrences.signal_key,
        occurrences.account_id,
        occurrences.person_id,
        occurrences.activity_date,
        occurrences.known_date,
        {{ add_days('occurrences.activity_date', 'signals.window_days') }} as expires_date,
        occurrences.last_event_at,
        cast(occurrences.count_events as bigint) as count_events
    from occurrences
    inner join signals
        on
            occurrences.model_key = signals.model_key
            and occurrences.signal_key = signals.signal_key
    where occurrences.known_date < {{ add_days('occurrences.activity_date', 'signals.window_days') }}
)

select * from final
