{#- Sessions: what several models must say alike. -#}

{#- Which half hour (or whatever `session_gap_minutes` is) a time lies in, counted since 1970. -#}
{% macro session_slot(column) -%}
    {{ return(adapter.dispatch('session_slot', 'plg')(column)) }}
{%- endmacro %}

{% macro default__session_slot(column) -%}
    cast(floor(epoch({{ column }}) / {{ var('session_gap_minutes') * 60 }}) as bigint)
{%- endmacro %}

{% macro spark__session_slot(column) -%}
    cast(floor(unix_timestamp({{ column }}) / {{ var('session_gap_minutes') * 60 }}) as bigint)
{%- endmacro %}


{#- The moment until which a session that was last active at `column` goes on, inclusive. -#}
{% macro session_alive_until(column) -%}
    {{ return(adapter.dispatch('session_alive_until', 'plg')(column)) }}
{%- endmacro %}

{% macro default__session_alive_until(column) -%}
    ({{ column }} + {{ var('session_gap_minutes') }} * interval 1 minute)
{%- endmacro %}

{% macro spark__session_alive_until(column) -%}
    ({{ column }} + make_dt_interval(0, 0, {{ var('session_gap_minutes') }}))
{%- endmacro %}


{#- Whether an event is somebody's doing: var events_outside_sessions lists those that are not. -#}
{% macro is_in_sessions(event_name) -%}
    {%- set outside = var('events_outside_sessions') -%}
    {%- if outside -%}
        {{ event_name }} not in ('{{ outside | join("', '") }}')
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}


{#- Whether an event is a page or a screen seen: what stg_events__calls names such calls. -#}
{% macro is_page_event(event_name) -%}
    {{ event_name }} in ('page_viewed', 'screen_viewed')
{%- endmacro %}
