{#-
    All that happened to hand-offs, in one table. It is folded in Python inside DuckDB's adapter; on an
    engine whose adapter runs no Python model there are no hand-offs.
-#}
{% macro handoff_log() -%}
    {{ return(adapter.dispatch('handoff_log', 'plg')()) }}
{%- endmacro %}

{% macro default__handoff_log() -%}
    {{ ref('int_pql__handoff_log') }}
{%- endmacro %}

{% macro spark__handoff_log() -%}
    (select
        cast(null as string) as row_type,
        cast(null as bigint) as seq,
        cast(null as timestamp_ntz) as happened_at,
        cast(null as string) as event,
        cast(null as string) as decision,
        cast(null as string) as handoff_id,
        cast(null as string) as model_key,
        cast(null as string) as account_id,
        cast(null as timestamp_ntz) as qualified_at,
        cast(null as string) as first_tier,
        cast(null as string) as tier,
        cast(null as string) as zone,
        cast(null as string) as zone_reason,
        cast(null as string) as territory,
        cast(null as string) as team,
        cast(null as string) as owner_id,
        cast(null as string) as first_owner_id,
        cast(null as string) as preferred_owner_id,
        cast(null as string) as evidence_owner_id,
        cast(null as string) as opportunity_id,
        cast(null as string) as status,
        cast(null as string) as from_status,
        cast(null as string) as to_status,
        cast(null as string) as reason,
        cast(null as string) as reasons,
        cast(null as string) as detail,
        cast(null as string) as source,
        cast(null as boolean) as is_applied,
        cast(null as string) as flag,
        cast(null as bigint) as open_after,
        cast(null as bigint) as capacity,
        cast(null as string) as step,
        cast(null as string) as action,
        cast(null as double) as share,
        cast(null as string) as recipient_email,
        cast(null as timestamp_ntz) as synced_at,
        cast(null as string) as synced_source,
        cast(null as timestamp_ntz) as routed_at,
        cast(null as timestamp_ntz) as assigned_at,
        cast(null as timestamp_ntz) as workable_at,
        cast(null as timestamp_ntz) as first_touch_at,
        cast(null as string) as first_touch_source,
        cast(null as string) as first_touch_owner_id,
        cast(null as timestamp_ntz) as engaged_at,
        cast(null as timestamp_ntz) as last_touch_at,
        cast(null as timestamp_ntz) as raised_at,
        cast(null as timestamp_ntz) as due_at,
        cast(null as timestamp_ntz) as closed_at,
        cast(null as bigint) as sla_minutes,
        cast(null as string) as sla_state,
        cast(null as bigint) as count_reassigned,
        cast(null as bigint) as count_illegal,
        cast(null as bigint) as pipeline_minutes,
        cast(null as bigint) as pipeline_wall_minutes,
        cast(null as bigint) as sync_minutes,
        cast(null as bigint) as sync_wall_minutes,
        cast(null as bigint) as human_minutes,
        cast(null as bigint) as human_wall_minutes,
        cast(null as bigint) as response_minutes,
        cast(null as bigint) as response_wall_minutes,
        cast(null as bigint) as answer_minutes
    limit 0)
{%- endmacro %}
