{#- A table on DuckDB, replaced inside one transaction.

    dbt-duckdb builds beside the old table, then renames twice and drops, and asks the catalog
    about foreign keys and indexes on the way: a dozen statements a model, which on small tables
    take longer than the model. No model here has foreign keys, indexes, grants or DuckLake
    storage; readers of the old table keep it until the commit. -#}
{% materialization table, adapter="duckdb", supported_languages=['sql', 'python'] %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks) }}
    {%- if model['language'] == 'python' -%}
        {#- a Python model may read the table it replaces: built beside it, then renamed -#}
        {%- set beside = make_intermediate_relation(target) -%}
        {%- set backup = make_backup_relation(target, 'table' if existing is none else existing.type) -%}
        {{ drop_relation_if_exists(load_cached_relation(beside)) }}
        {{ drop_relation_if_exists(load_cached_relation(backup)) }}
        {% call statement('main', language='python') -%}
            {{- create_table_as(False, beside, compiled_code, 'python') }}
        {%- endcall %}
        {%- if existing is not none -%}
            {% do adapter.rename_relation(existing, backup) %}
        {%- endif -%}
        {% do adapter.rename_relation(beside, target) %}
    {%- else -%}
        {%- if existing is not none and not existing.is_table -%}
            {% do adapter.drop_relation(existing) %}
        {%- endif -%}
        {% call statement('main') -%}
            {%- if config.get('contract').enforced -%}
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
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {%- if backup is defined and existing is not none -%}
        {{ drop_relation_if_exists(backup) }}
    {%- endif -%}

    {{ return({'relations': [target]}) }}
{% endmaterialization %}
