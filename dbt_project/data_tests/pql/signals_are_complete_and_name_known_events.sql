-- A signal with a misspelt event, or without what its kind needs, would never give points.
with

signals as (
    select * from {{ ref('pql_signals') }}
),

scored_signals as (
    select * from {{ ref('int_pql__signals') }}
),

signal_events as (
    select * from {{ ref('int_pql__signal_events') }}
),

events_found as (
    select
        model_key,
        signal_key,
        count(*) as count_events
    from signal_events
    group by model_key, signal_key
),

problems as (
    select
        scored_signals.model_key,
        scored_signals.signal_key,
        'an event name is not in event_registry' as problem
    from scored_signals
    left join events_found
        on
            scored_signals.model_key = events_found.model_key
            and scored_signals.signal_key = events_found.signal_key
    where
        scored_signals.event_names <> '*'
        and coalesce(events_found.count_events, 0)
        <> 1 + length(scored_signals.event_names) - length(replace(scored_signals.event_names, ';', ''))
    union all
    select
        model_key,
        signal_key,
        'a signal of events needs event_names and window_days' as problem
    from signals
    where kind <> 'attribute' and (event_names is null or window_days is null)
    union all
    select
        model_key,
        signal_key,
        'quota_share needs a threshold' as problem
    from signals
    where kind = 'quota_share' and threshold is null
    union all
    select
        model_key,
        signal_key,
        'an attribute signal needs a known attribute and sentence_missing' as problem
    from signals
    where
        kind = 'attribute'
        and (
            coalesce(attribute, '') not in ('icp_match', 'business_email')
            or sentence_missing is null
        )
)

select * from problems
