{#- An incremental model on DuckDB: the strategy works on the query itself.

    dbt-duckdb first fills a temporary table and describes both it and the target, some ten
    statements more than the rows of a night are worth. Here the strategy's `temp_relation` is the
    model's query, and the target's columns must be the documented ones. A model by received days
    is made anew when its definition changed; another with memory asks for --full-refresh.

    Where dbt keeps what it ran (target/run), a model by received days always has the statement of
    a night: `warehouse/dbt_runner.py` runs it again with that night's days. -#}
{% materialization incremental, adapter="duckdb", supported_languages=['sql'] %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks) }}
    {%- set is_by_received_days = config.get('incremental_strategy') == 'replace_received_days' -%}
    {%- if
        existing is none or not existing.is_table or should_full_refresh()
        or (is_by_received_days and every_received_day() in compiled_code)
    -%}
        {%- if existing is not none and not existing.is_table -%}
            {% do adapter.drop_relation(existing) %}
        {%- endif -%}
        {% call statement('main') -%}
            create or replace table {{ target }} as ({{ compiled_code }});
            {%- if is_by_received_days %}
            {{ remember_received_days(model['name']) }}
            {%- endif %}
        {%- endcall %}
        {%- if is_by_received_days -%}
            {%- set columns = adapter.get_column_schema_from_query('select * from ' ~ target ~ ' limit 0') -%}
            {{ write(statement_of_a_night(target, columns, compiled_code)) }}
        {%- endif -%}
    {%- else -%}
        {%- set columns = adapter.get_column_schema_from_query('select * from ' ~ existing ~ ' limit 0') -%}
        {%- set documented = model['columns'].keys() | map('lower') | sort | list -%}
        {%- set present = columns | map(attribute='name') | map('lower') | sort | list -%}
        {%- if documented != present -%}
            {% do exceptions.raise_compiler_error(
                this ~ ' has the columns ' ~ present | join(', ') ~ ', the model ' ~ documented | join(', ')
                ~ ': build it with --full-refresh'
            ) %}
        {%- endif -%}
        {% call statement('main') -%}
            {{- statement_of_a_night(target, columns, compiled_code) }}
        {%- endcall %}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}

    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- What the strategy does with the model's query, given the `target`'s columns. -#}
{% macro statement_of_a_night(target, columns, compiled_code) -%}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy')) -%}
    {{- strategy({
        'target_relation': target,
        'temp_relation': '(' ~ compiled_code ~ ') as built',
        'dest_columns': columns,
        'unique_key': none,
        'incremental_predicates': none,
    }) }};
    {%- if config.get('incremental_strategy') == 'replace_received_days' %}
    {{ remember_received_days(model['name']) }}
    {%- endif %}
{%- endmacro %}
