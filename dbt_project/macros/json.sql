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


{#- The same under a key that is SQL (a column or a literal) and not a path. -#}
{% macro json_text_of(column, key) -%}
    {{ return(adapter.dispatch('json_text_of', 'plg')(column, key)) }}
{%- endmacro %}

{% macro default__json_text_of(column, key) -%}
    json_extract_string({{ column }}, '$."' || {{ key }} || '"')
{%- endmacro %}

{% macro spark__json_text_of(column, key) -%}
    get_json_object({{ column }}, '$["' || {{ key }} || '"]')
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


{#- The engine's own name of what stands under a key of a JSON object; NULL when the key is
    missing. `key` is SQL (a column or a literal). json_kind_of makes one vocabulary of it. -#}
{% macro json_type_of(column, key) -%}
    {{ return(adapter.dispatch('json_type_of', 'plg')(column, key)) }}
{%- endmacro %}

{% macro default__json_type_of(column, key) -%}
    json_type({{ column }}, '$."' || {{ key }} || '"')
{%- endmacro %}

{% macro spark__json_type_of(column, key) -%}
    schema_of_variant(variant_get(parse_json({{ column }}), '$["' || {{ key }} || '"]', 'variant'))
{%- endmacro %}


{#- The same for several keys that are known now (a list of names), parsed once: an array in the
    order of the names. -#}
{% macro json_types_of(column, keys) -%}
    {{ return(adapter.dispatch('json_types_of', 'plg')(column, keys)) }}
{%- endmacro %}

{% macro default__json_types_of(column, keys) -%}
    json_type({{ column }}, [{% for key in keys %}'$."{{ key }}"'{{ ', ' if not loop.last }}{% endfor %}])
{%- endmacro %}

{% macro spark__json_types_of(column, keys) -%}
    array({% for key in keys %}{{ plg.spark__json_type_of(column, "'" ~ key ~ "'") }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}


{#- string, integer, number, boolean, array, object, null or missing. -#}
{% macro json_kind_of(type_name) -%}
    {{ return(adapter.dispatch('json_kind_of', 'plg')(type_name)) }}
{%- endmacro %}

{% macro default__json_kind_of(type_name) -%}
    case
        when {{ type_name }} is null then 'missing'
        when {{ type_name }} = 'VARCHAR' then 'string'
        when {{ type_name }} in ('UBIGINT', 'BIGINT', 'HUGEINT', 'UHUGEINT') then 'integer'
        when {{ type_name }} = 'DOUBLE' then 'number'
        else lower({{ type_name }})
    end
{%- endmacro %}

{% macro spark__json_kind_of(type_name) -%}
    case
        when {{ type_name }} is null then 'missing'
        when {{ type_name }} = 'VOID' then 'null'
        when {{ type_name }} in ('BIGINT', 'INT', 'SMALLINT', 'TINYINT') then 'integer'
        when {{ type_name }} = 'DOUBLE' or {{ type_name }} like 'DECIMAL%' then 'number'
        when {{ type_name }} like 'ARRAY%' then 'array'
        when {{ type_name }} like 'OBJECT%' then 'object'
        else lower({{ type_name }})
    end
{%- endmacro %}
