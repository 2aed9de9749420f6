{%- set keys = ['account_id', 'person_id', 'event_name', 'activity_date', 'quota_share'] -%}
{%- set values = ['count_events', 'count_stretches', 'last_event_at'] -%}
with

build_window as (
    select * from {{ ref('int_pql__build_window') }}
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

evidence as (
    select
        account_id,
        person_id,
        event_name,
        activity_date,
        known_date,
        cast(0 as decimal(18, 4)) as quota_share,
        last_event_at,
        count_events,
        count_stretches
    from account_days
    union all
    -- tickets come from the help desk, not from the product
    select
        account_id,
        coalesce(person_id, '') as person_id,
        'support_ticket_opened' as event_name,
        cast(opened_at as date) as activity_date,
        cast(opened_at as date) as known_date,
        cast(0 as decimal(18, 4)) as quota_share,
        opened_at as last_event_at,
        1 as count_events,
        1 as count_stretches
    from support_tickets
    where account_id is not null
    union all
    select
        account_id,
        '' as person_id,
        'quota_reported' as event_name,
        usage_date as activity_date,
        known_date,
        quota_share,
        reported_at as last_event_at,
        1 as count_events,
        1 as count_stretches
    from quota_usage
),

evidence_by_day_known as (
    -- an event is known from the day it was received, and not before it happened
    select
        evidence.account_id,
        evidence.person_id,
        evidence.event_name,
        evidence.activity_date,
        evidence.quota_share,
        greatest(evidence.activity_date, evidence.known_date) as known_date,
        sum(evidence.count_events) as count_events,
        sum(evidence.count_stretches) as count_stretches,
        max(evidence.last_event_at) as last_event_at
    from evidence
    cross join build_window
    where
        evidence.activity_date >= build_window.remember_from
        and evidence.activity_date <= build_window.last_score_date
        and evidence.known_date <= build_window.last_score_date
    group by
        evidence.account_id,
        evidence.person_id,
        evidence.event_name,
        evidence.activity_date,
        evidence.quota_share,
        greatest(evidence.activity_date, evidence.known_date)
),

states as (
    -- all that is known of a day's event by then
    select
        account_id,
        person_id,
        event_name,
        activity_date,
        quota_share,
        known_date,
        cast(sum(count_events) over known_so_far as bigint) as count_events,
        cast(sum(count_stretches) over known_so_far as bigint) as count_stretches,
        max(last_event_at) over known_so_far as last_event_at
    from evidence_by_day_known
    window known_so_far as (
        partition by account_id, person_id, event_name, activity_date, quota_share
        order by known_date
        rows between unbounded preceding and current row
    )
),

remembered as (
    {% if is_incremental() -%}
    select evidence_log.*
    from {{ this }} as evidence_log
    cross join build_window
    where evidence_log.activity_date >= build_window.remember_from
    {%- else -%}
    select
        account_id,
        person_id,
        event_name,
        activity_date,
        quota_share,
        known_date as known_from,
        count_events,
        count_stretches,
        last_event_at,
        false as is_withdrawn
    from states
    where false
    {%- endif %}
),

{{ changes_to_remember('states', 'remembered', keys, values, '(select open_date from build_window)') }},

final as (
    select
        account_id,
        person_id,
        event_name,
        activity_date,
        quota_share,
        cast(known_from as date) as known_from,
        is_withdrawn,
        count_events,
        count_stretches,
        last_event_at
    from changes
)

select * from final
