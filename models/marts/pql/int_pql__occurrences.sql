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

product_events as (
    select
        signal_events.model_key,
        signal_events.signal_key,
        account_days.account_id,
        account_days.person_id,
        account_days.activity_date,
        account_days.received_date,
        max(account_days.last_event_at) as last_event_at,
        sum(account_days.count_events) as count_events
    from account_days
    inner join signal_events on account_days.event_name = signal_events.event_name
    inner join signals
        on
            signal_events.model_key = signals.model_key
            and signal_events.signal_key = signals.signal_key
    where
        account_days.account_id is not null
        and signals.kind in ('event_count', 'distinct_days', 'distinct_users')
    group by
        signal_events.model_key,
        signal_events.signal_key,
        account_days.account_id,
        account_days.person_id,
        account_days.activity_date,
        account_days.received_date
),

tickets as (
    select
        signal_events.model_key,
        signal_events.signal_key,
        support_tickets.account_id,
        cast(null as varchar) as person_id,
        cast(support_tickets.opened_at as date) as activity_date,
        cast(support_tickets.opened_at as date) as received_date,
        max(support_tickets.opened_at) as last_event_at,
        count(*) as count_events
    from support_tickets
    inner join signal_events on signal_events.event_name = 'support_ticket_opened'
    where support_tickets.account_id is not null
    group by
        signal_events.model_key,
        signal_events.signal_key,
        support_tickets.account_id,
        cast(support_tickets.opened_at as date)
),

quota_reports as (
    -- a report counts when it lies above the threshold; one at the threshold does not
    select
        signals.model_key,
        signals.signal_key,
        quota_usage.account_id,
        cast(null as varchar) as person_id,
        quota_usage.usage_date as activity_date,
        quota_usage.received_date,
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
        quota_usage.received_date
),

occurrences as (
    select * from product_events
    union all
    select * from tickets
    union all
    select * from quota_reports
),

final as (
    select
        occurrences.model_key,
        occurrences.signal_key,
        occurrences.account_id,
        occurrences.person_id,
        occurrences.activity_date,
        occurrences.received_date,
        -- an event is known from the day it was received, and not before it happened
        greatest(occurrences.activity_date, occurrences.received_date) as known_date,
        {{ add_days('occurrences.activity_date', 'signals.window_days') }} as expires_date,
        occurrences.last_event_at,
        cast(occurrences.count_events as bigint) as count_events
    from occurrences
    inner join signals
        on
            occurrences.model_key = signals.model_key
            and occurrences.signal_key = signals.signal_key
    where
        greatest(occurrences.activity_date, occurrences.received_date)
        < {{ add_days('occurrences.activity_date', 'signals.window_days') }}
)

select * from final
