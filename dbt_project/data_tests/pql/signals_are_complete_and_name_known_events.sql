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

icp_attributes as (
    select distinct concat('icp_', attribute) as attribute
    from {{ ref('icp_rules') }}
),

events_found as (
    select
        model_key,
        signal_key,
        sum(case when role = 'counts' then 1 else 0 end) as count_events,
        sum(case when role = 'ends' then 1 else 0 end) as count_endings
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
        (
            scored_signals.event_names not in ('*', '*power')
            and coalesce(events_found.count_events, 0)
            <> 1 + length(scored_signals.event_names) - length(replace(scored_signals.event_names, ';', ''))
        )
        or coalesce(events_found.count_endings, 0)
        <> 1 + length(scored_signals.unless_event_names) - length(replace(scored_signals.unless_event_names, ';', ''))
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
        'its window is longer than what is remembered (variable pql_memory_days)' as problem
    from signals
    where window_days > {{ var('pql_memory_days') }}
    union all
    select
        model_key,
        signal_key,
        'this kind needs a threshold' as problem
    from signals
    where
        threshold is null
        and (kind in ('quota_share', 'busy_days', 'not_followed') or attribute = 'employees')
    union all
    select
        model_key,
        signal_key,
        'not_followed needs unless_event_names' as problem
    from signals
    where kind = 'not_followed' and unless_event_names is null
    union all
    select
        signals.model_key,
        signals.signal_key,
        'quotas are an account''s, not a person''s' as problem
    from signals
    inner join scored_signals
        on
            signals.model_key = scored_signals.model_key
            and signals.signal_key = scored_signals.signal_key
    where signals.kind = 'quota_share' and scored_signals.level = 'user'
    union all
    select
        signals.model_key,
        signals.signal_key,
        'an attribute signal needs a known attribute and sentence_missing' as problem
    from signals
    inner join scored_signals
        on
            signals.model_key = scored_signals.model_key
            and signals.signal_key = scored_signals.signal_key
    left join icp_attributes on signals.attribute = icp_attributes.attribute
    where
        signals.kind = 'attribute'
        and (
            signals.sentence_missing is null
            or (
                coalesce(signals.attribute, '') not in ('icp_match', 'business_email', 'employees', 'hiring_signals')
                and icp_attributes.attribute is null
            )
            or (scored_signals.level = 'user' and signals.attribute <> 'business_email')
        )
)

select * from problems
