{#-
    Reading JSON kept as text. `path` is dotted, without the leading `$.`:
    {{ json_text('traits', 'email') }}, {{ json_number('properties', 'plan.seats', 'bigint') }}.
    A missing key, a JSON null and a value that is not of the type are all NULL.
-#}
{% macro json_path(path) -%}
    {{ path if path.startswith('$') else '$.' ~ path }}
{%- endmacro %}


{% macro json_text(column, path) -%}
    {{ return(adapter.dispatch('json_text', 'plg')(column, path)) }}
{%- endmacro %}

{% macro default__json_text(column, path) -%}
    json_extract_string({{ column }}, '{{ json_path(path) }}')
{%- endmacro %}

{% macro spark__json_text(column, path) -%}
    get_json_object({{ column }}, '{{ json_path(path) }}')
{%- endmacro %}


{% macro json_number(column, path, data_type='double') -%}
    try_cast({{ json_text(column, path) }} as {{ data_type }})
{%- endmacro %}


{% macro json_bool(column, path) -%}
    try_cast({{ json_text(column, path) }} as boolean)
{%- endmacro %}


{#- The JSON array at `path`, one row an element (JSON text); goes in a select list. -#}
{% macro json_elements(column, path) -%}
    {{ return(adapter.dispatch('json_elements', 'plg')(column, path)) }}
{%- endmacro %}

{% macro default__json_elements(column, path) -%}
    unnest(cast(json_extract({{ column }}, '{{ json_path(path) }}') as varchar[]))
{%- endmacro %}

{% macro spark__json_elements(column, path) -%}
    explode(from_json(get_json_object({{ column }}, '{{ json_path(path) }}'), 'array<string>'))
{%- endmacro %}


{#- An ISO 8601 time of any offset as a UTC timestamp: '2026-01-31T10:00:00.000+0000'. -#}
{% macro json_time(column, path) -%}
    {{ return(adapter.dispatch('json_time', 'plg')(column, path)) }}
{%- endmacro %}

{% macro default__json_time(column, path) -%}
    cast(try_cast(regexp_replace({{ json_text(column, path) }}, '([+-][0-9]{2})([0-9]{2})$', '\1:\2') as timestamptz) at time zone 'UTC' as timestamp)
{%- endmacro %}

{% macro spark__json_time(column, path) -%}
    cast(to_utc_timestamp(try_cast(regexp_replace({{ json_text(column, path) }}, '([+-][0-9]{2})([0-9]{2})$', '$1:$2') as timestamp), current_timezone()) as timestamp_ntz)
{%- endmacro %}
