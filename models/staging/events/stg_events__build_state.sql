with

event_loads as (
    select * from {{ source('raw', 'event_loads') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

denied_ids as (
    select * from {{ ref('denied_ids') }}
),

bot_user_agents as (
    select * from {{ ref('bot_user_agents') }}
),

channel_rules as (
    select * from {{ ref('channel_rules') }}
),

milestone_counted_properties as (
    select * from {{ ref('milestone_counted_properties') }}
),

newest_load as (
    select coalesce(max(load_id), 0) as newest_load_id
    from event_loads
),

rule_lines as (
    -- only what changes rows: editing an owner or a description rebuilds nothing (the reason of
    -- a denied id is in rows: a request for deletion takes the whole call)
    select
        'names' as rule_kind,
        event_name || '=' || coalesce(replaces, '') as rule_line
    from event_registry
    where replaces is not null
    union all
    select
        'ids' as rule_kind,
        id_type || '=' || id_value || '=' || coalesce(reason, '') as rule_line
    from denied_ids
    where id_type <> 'email'
    union all
    select
        'bots' as rule_kind,
        pattern as rule_line
    from bot_user_agents
    union all
    select
        'channels' as rule_kind,
        cast(rule_number as varchar) || '=' || channel || '=' || coalesce(medium_pattern, '')
        || '=' || coalesce(source_pattern, '') || '=' || coalesce(referrer_pattern, '') as rule_line
    from channel_rules
    union all
    select
        'properties' as rule_kind,
        event_name || '=' || required_properties as rule_line
    from event_registry
    where required_properties is not null
    union all
    select
        'counted' as rule_kind,
        event_name || '=' || property_name as rule_line
    from milestone_counted_properties
    where product_line = {{ product_line() }}
    union all
    select
        'sessions' as rule_kind,
        '{{ var("session_gap_minutes") }}={{ var("events_outside_sessions") | join(",") }}' as rule_line
),

model_rules as (
    select
        'stg_events__event_days' as model_name,
        rule_line
    from rule_lines
    where rule_kind in ('names', 'ids', 'bots')
    union all
    select
        'stg_events__touches' as model_name,
        rule_line
    from rule_lines
    where rule_kind in ('ids', 'bots', 'channels')
    union all
    select
        'stg_events__activity_spans' as model_name,
        rule_line
    from rule_lines
    where rule_kind in ('names', 'ids', 'bots', 'sessions')
    union all
    select
        'stg_events__calls' as model_name,
        rule_line
    from rule_lines
    where rule_kind in ('ids', 'bots')
    union all
    select
        'stg_events__property_kinds' as model_name,
        rule_line
    from rule_lines
    where rule_kind in ('names', 'ids', 'bots', 'properties')
    union all
    select
        'stg_events__counted_properties' as model_name,
        rule_line
    from rule_lines
    where rule_kind in ('names', 'ids', 'bots', 'counted')
),

model_hashes as (
    select
        model_name,
        {{ hash_rows('rule_line') }} as rules_hash
    from model_rules
    group by model_name
),

models_built as (
    -- which set of rules each incremental model applies
    select
        'stg_events__event_days' as model_name,
        'stg_events__activity_spans' as rules_of
    union all
    select
        'stg_events__activity_spans' as model_name,
        'stg_events__activity_spans' as rules_of
    union all
    select
        'stg_events__details' as model_name,
        'stg_events__event_days' as rules_of
    union all
    select
        'stg_events__touches' as model_name,
        'stg_events__touches' as rules_of
    union all
    select
        'stg_events__identifies' as model_name,
        'stg_events__calls' as rules_of
    union all
    select
        'stg_events__groups' as model_name,
        'stg_events__calls' as rules_of
    union all
    select
        'stg_events__aliases' as model_name,
        'stg_events__calls' as rules_of
    union all
    select
        'stg_events__exclusions' as model_name,
        'stg_events__calls' as rules_of
    union all
    select
        'stg_events__ips' as model_name,
        'stg_events__calls' as rules_of
    union all
    select
        'stg_events__companies' as model_name,
        'stg_events__calls' as rules_of
    union all
    select
        'stg_events__denied_ids_met' as model_name,
        'stg_events__calls' as rules_of
    union all
    select
        'stg_events__property_kinds' as model_name,
        'stg_events__property_kinds' as rules_of
    union all
    select
        'stg_events__counted_properties' as model_name,
        'stg_events__counted_properties' as rules_of
    union all
    select
        'stg_events__user_agents' as model_name,
        'none' as rules_of
    union all
    select
        'stg_events__event_names' as model_name,
        'none' as rules_of
),

final as (
    select
        models_built.model_name,
        newest_load.newest_load_id,
        coalesce(model_hashes.rules_hash, '') as rules_hash
    from models_built
    cross join newest_load
    left join model_hashes on models_built.rules_of = model_hashes.model_name
)

select * from final
