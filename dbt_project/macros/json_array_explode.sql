{#-
    Nested JSON, read once. `shape` is what is wanted of it, as Jinja: a dict is an object, a
    one-element list an array, and a string a scalar: 'text', 'bigint' or 'boolean'. The result
    is a struct: {{ json_struct('object', {'id': 'text', 'items': {'data': [{'id': 'text'}]}}) }}
    as snapshot, then snapshot.items.data. Keys that are missing, null or of another type are
    NULL; an object or array asked for as 'text' is its JSON text.
    (json_text in json.sql parses the document again for every path; here it is parsed once.)
-#}
{% macro json_struct(column, shape) -%}
    {{ return(adapter.dispatch('json_struct', 'plg')(column, shape)) }}
{%- endmacro %}

{% macro default__json_struct(column, shape) -%}
    from_json({{ column }}, '{{ plg.duckdb_json_shape(shape) }}')
{%- endmacro %}

{% macro spark__json_struct(column, shape) -%}
    from_json({{ column }}, '{{ plg.spark_json_shape(shape) }}')
{%- endmacro %}

{% macro duckdb_json_shape(shape) -%}
    {%- if shape is mapping -%}
        { {%- for key, value in shape.items() -%}
            "{{ key }}":{{ plg.duckdb_json_shape(value) }}{{ "," if not loop.last }}
        {%- endfor -%} }
    {%- elif shape is string -%}
        "{{ {'text': 'VARCHAR', 'bigint': 'BIGINT', 'boolean': 'BOOLEAN'}[shape] }}"
    {%- else -%}
        [{{ plg.duckdb_json_shape(shape[0]) }}]
    {%- endif -%}
{%- endmacro %}

{% macro spark_json_shape(shape) -%}
    {%- if shape is mapping -%}
        struct<
        {%- for key, value in shape.items() -%}
            `{{ key }}`:{{ plg.spark_json_shape(value) }}{{ "," if not loop.last }}
        {%- endfor -%}
        >
    {%- elif shape is string -%}
        {{ {'text': 'string', 'bigint': 'bigint', 'boolean': 'boolean'}[shape] }}
    {%- else -%}
        array<{{ plg.spark_json_shape(shape[0]) }}>
    {%- endif -%}
{%- endmacro %}


{#-
    One row for each element of an array; goes in a select list and gives the columns `element`
    and `position`, rising from the first element on:
    select event_id, {{ json_array_explode('snapshot.items.data') }} from snapshots.
    A row whose array is empty or NULL gives no row. (In the from clause, as a lateral join, DuckDB
    first hashes every distinct array: 70 times slower on 100,000 subscriptions.)
-#}
{% macro json_array_explode(array) -%}
    {{ return(adapter.dispatch('json_array_explode', 'plg')(array)) }}
{%- endmacro %}

{% macro default__json_array_explode(array) -%}
    unnest({{ array }}) as element,
        generate_subscripts({{ array }}, 1) as position
{%- endmacro %}

{% macro spark__json_array_explode(array) -%}
    posexplode({{ array }}) as (position, element)
{%- endmacro %}


{#-
    The sum of something over the elements of an array of structs, 0 for none. `value` is SQL
    about one element, called `part`: {{ sum_of_elements('line.discount_amounts', 'part.amount') }}.
-#}
{% macro sum_of_elements(array, value) -%}
    {{ return(adapter.dispatch('sum_of_elements', 'plg')(array, value)) }}
{%- endmacro %}

{% macro default__sum_of_elements(array, value) -%}
    cast(coalesce(list_sum(list_transform({{ array }}, lambda part: {{ value }})), 0) as bigint)
{%- endmacro %}

{% macro spark__sum_of_elements(array, value) -%}
    cast(coalesce(aggregate(transform({{ array }}, part -> {{ value }}), 0L, (total, added) -> total + coalesce(added, 0L)), 0L) as bigint)
{%- endmacro %}


{#- Seconds since 1970 as a UTC timestamp. -#}
{% macro epoch_seconds_at(seconds) -%}
    {{ return(adapter.dispatch('epoch_seconds_at', 'plg')(seconds)) }}
{%- endmacro %}

{% macro default__epoch_seconds_at(seconds) -%}
    make_timestamp({{ seconds }} * 1000000)
{%- endmacro %}

{% macro spark__epoch_seconds_at(seconds) -%}
    timestamp_seconds({{ seconds }})
{%- endmacro %}


{#- A timestamp `months` calendar months after `value` (the last of a shorter month). -#}
{% macro add_months_to(value, months) -%}
    {{ return(adapter.dispatch('add_months_to', 'plg')(value, months)) }}
{%- endmacro %}

{% macro default__add_months_to(value, months) -%}
    ({{ value }} + cast({{ months }} as integer) * interval 1 month)
{%- endmacro %}

{% macro spark__add_months_to(value, months) -%}
    ({{ value }} + make_ym_interval(0, cast({{ months }} as int)))
{%- endmacro %}


{#- Seats or units in `quantity` packages of `size`, rounded as the price says. -#}
{% macro packages(quantity, size, rounding) -%}
    case
        when {{ rounding }} = 'down' then cast(floor(cast({{ quantity }} as double) / {{ size }}) as bigint)
        else cast(ceil(cast({{ quantity }} as double) / {{ size }}) as bigint)
    end
{%- endmacro %}
