{#- 'Report Created', 'reportCreated', ' report-created ' all become 'report_created'. -#}
{% macro snake_case(column) -%}
    {{ return(adapter.dispatch('snake_case', 'plg')(column)) }}
{%- endmacro %}

{% macro default__snake_case(column) -%}
    trim(regexp_replace(lower(regexp_replace(trim({{ column }}), '([\p{Ll}\p{N}])(\p{Lu})', '\1_\2', 'g')), '[^\p{L}\p{N}]+', '_', 'g'), '_')
{%- endmacro %}

{% macro spark__snake_case(column) -%}
    trim(both '_' from regexp_replace(lower(regexp_replace(trim({{ column }}), '([\\p{Ll}\\p{N}])(\\p{Lu})', '$1_$2')), '[^\\p{L}\\p{N}]+', '_'))
{%- endmacro %}


{#- {{ hash_id('acc_dom_', 'domain') }}: a key that is the same however often, in whatever
    order the warehouse is built. Several columns: {{ hash_id('x_', 'a', 'b') }}. -#}
{% macro hash_id(prefix) -%}
    '{{ prefix }}' || md5(
        {%- for column in varargs -%}
            {{ " || '|' || " if not loop.first }}coalesce(cast({{ column }} as varchar), '')
        {%- endfor -%}
    )
{%- endmacro %}
