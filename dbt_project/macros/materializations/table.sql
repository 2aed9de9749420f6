{#- A table on DuckDB, replaced inside one transaction.

    dbt-duckdb builds beside the old table, then renames twice and drops, and asks the catalog
    about foreign keys and indexes on the way: a dozen statements a model, which on small tables
    take longer than the model. No model here has foreign keys, indexes, grants or DuckLake
    storage; readers of the old table keep it until the commit. -#}
{% materialization table, adapter="duckdb", supported_languages=['sql', 'python'] %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and (not existing.is_table or model['language'] == 'python') -%}
        {% do adapter.drop_relation(existing) %}
    {%- endif -%}
    {% call statement('main', language=model['language']) -%}
        {%- if model['language'] == 'python' -%}
            {{- create_table_as(False, target, compiled_code, 'python') }}
        {%- elif config.get('contract').enforced -%}
            {{- get_assert_columns_equivalent(compiled_code) }}
            create or replace table {{ target }} {{ get_table_columns_and_constraints() }};
            insert into {{ target }} {{ get_column_names() }} (
                {{ get_select_subquery(compiled_code) }}
            );
        {%- else -%}
            create or replace table {{ target }} as (
                {{ compiled_code }}
            );
        {%- endif -%}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}

    {{ return({'relations': [target]}) }}
{% endmaterialization %}
