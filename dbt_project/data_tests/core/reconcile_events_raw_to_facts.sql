-- Calls are conserved: what was accepted into the lake is what the facts count plus what is
-- excluded for a stated reason. A row here is a layer that lost or multiplied calls.
with

raw_calls as (
    select
        case when call_type in ('track', 'page', 'screen') then 'event' else call_type end as kind,
        count(*) as count_calls
    from {{ source('raw', 'events') }}
    group by 1
),

excluded_calls as (
    select
        case when call_type in ('track', 'page', 'screen') then 'event' else call_type end as kind,
        sum(count_calls) as count_calls
    from {{ ref('stg_events__exclusions') }}
    group by 1
),

bound as (
    select
        sum(count_events) as count_events,
        -- fct_person_events takes these apart, one row each; taking them apart costs ten times this
        sum({{ count_times('event_times') }}) as count_times
    from {{ ref('int_identity__event_days_bound') }}
),

counted as (
    select
        'staging' as layer,
        'event' as kind,
        sum(count_events) as count_calls
    from {{ ref('stg_events__event_days') }}
    union all
    select
        'staging' as layer,
        'identify' as kind,
        sum(count_calls) as count_calls
    from {{ ref('stg_events__identifies') }}
    union all
    select
        'staging' as layer,
        'group' as kind,
        sum(count_calls) as count_calls
    from {{ ref('stg_events__groups') }}
    union all
    select
        'staging' as layer,
        'alias' as kind,
        sum(count_calls) as count_calls
    from {{ ref('stg_events__aliases') }}
    union all
    select
        'identity' as layer,
        'event' as kind,
        count_events as count_calls
    from bound
    union all
    select
        'fct_person_days' as layer,
        'event' as kind,
        sum(count_events) as count_calls
    from {{ ref('fct_person_days') }}
    union all
    select
        'fct_person_events' as layer,
        'event' as kind,
        count_times as count_calls
    from bound
)

select
    counted.layer,
    counted.kind,
    coalesce(raw_calls.count_calls, 0) as accepted,
    coalesce(excluded_calls.count_calls, 0) as excluded,
    coalesce(counted.count_calls, 0) as counted
from counted
left join raw_calls on counted.kind = raw_calls.kind
left join excluded_calls on counted.kind = excluded_calls.kind
where
    coalesce(raw_calls.count_calls, 0)
    <> coalesce(excluded_calls.count_calls, 0) + coalesce(counted.count_calls, 0)
