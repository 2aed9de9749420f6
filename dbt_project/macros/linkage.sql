{#- One text for a CRM record: 'salesforce|contacts|003…'. -#}
{% macro linkage_key(crm, object, record_id) -%}
    {{ crm }} || '|' || {{ object }} || '|' || {{ record_id }}
{%- endmacro %}


{#- The scored pairs of the probabilistic linkage. It runs in Python inside DuckDB's adapter; an
    engine whose adapter runs no Python model has none, and matches by id, e-mail and domain only. -#}
{% macro linkage_pairs() -%}
    {{ return(adapter.dispatch('linkage_pairs', 'plg')()) }}
{%- endmacro %}

{% macro default__linkage_pairs() -%}
    {{ ref('int_identity__linkage_pairs') }}
{%- endmacro %}

{% macro spark__linkage_pairs() -%}
    (select
        cast(null as string) as entity,
        cast(null as string) as entity_id,
        cast(null as string) as record_key,
        cast(null as double) as probability
    where false)
{%- endmacro %}
