{#-
    Incremental models over the lake's events.

    The lake is partitioned by the day an event was *received*. A load (an ingest run) touches
    some of those days: with new events, or by taking a withdrawn file's events away. What each
    such model has seen is a row of `internal.received_days_built`, written in the transaction
    that builds it: the newest load, a hash of the rules it applied (stg_events__build_state)
    and a hash of its own definition. On its next run it rebuilds the days touched since:

    - the model's SQL filters with {{ received_days_to_build() }}: a literal list of days, so
      that only those partitions are opened;
    - the strategy `replace_received_days` deletes those days from the target and inserts the
      newly built rows, in one transaction. The comments around the list tell where it stands:
      `warehouse/dbt_runner.py` runs the same statement with the days of the next night.

    Rules that changed (a renamed event, a denied id, …) and SQL that changed, the model's or
    that of a view it reads, make every day a touched day. A changed macro does not: it asks for
    --full-refresh. `built_load_id` and `rules_hash` in the rows tell which build made them.
-#}
{% macro received_days_to_build(column='received_date') -%}
    /* days to build */
    {%- if not (execute and this and is_incremental()) %} true
    {%- else %} {{ received_days_condition(touched_received_days(model.name), column) }}
    {%- endif %} /* until here */
{%- endmacro %}


{% macro received_days_condition(days, column) -%}
    {%- if days == 'all' -%}
        true {{ every_received_day() }}
    {%- elif not days -%}
        false
    {%- else -%}
        {{ column }} in ({% for day in days %}date '{{ day }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}


{#- What tells the materialization that the compiled query holds all rows, not those of some days. -#}
{% macro every_received_day() -%}
    /* every received day */
{%- endmacro %}


{#- 'all', or the received days touched by loads that the model has not seen yet. -#}
{% macro touched_received_days(model_name) -%}
    {%- set found = run_query(
        "select built.load_id, loads.received_date from " ~ ref('stg_events__build_state') ~ " as state "
        ~ "left join internal.received_days_built as built "
        ~ "on built.model_name = state.model_name and built.rules_hash = state.rules_hash "
        ~ "and built.definition_hash = '" ~ definition_hash(model_name) ~ "' "
        ~ "left join " ~ source('raw', 'event_loads') ~ " as loads on loads.load_id > built.load_id "
        ~ "where state.model_name = '" ~ model_name ~ "' "
        ~ "group by built.load_id, loads.received_date order by loads.received_date"
    ) -%}
    {#- never built, by other rules, or from other SQL -#}
    {%- if not found.rows or found.rows[0]['load_id'] is none -%}
        {{ return('all') }}
    {%- endif -%}
    {{ return(found.columns['received_date'].values() | select | map('string') | list) }}
{%- endmacro %}


{#- SQL that writes down what the model has seen; for the transaction that builds it. -#}
{% macro remember_received_days(model_name) -%}
    delete from internal.received_days_built where model_name = '{{ model_name }}';
    insert into internal.received_days_built (model_name, load_id, rules_hash, definition_hash)
    select model_name, newest_load_id, rules_hash, '{{ definition_hash(model_name) }}'
    from {{ ref('stg_events__build_state') }}
    where model_name = '{{ model_name }}';
{%- endmacro %}


{% macro create_received_days_built() -%}
    create schema if not exists internal;
    create table if not exists internal.received_days_built (
        model_name varchar, load_id bigint, rules_hash varchar, definition_hash varchar
    );
{%- endmacro %}


{#- A hash of a model's SQL and documented columns, and of the SQL of the views and of the other
    event models it reads. -#}
{% macro definition_hash(model_name) -%}
    {%- set own_id = 'model.' ~ project_name ~ '.' ~ model_name -%}
    {%- set found = {'columns': graph.nodes[own_id].columns.keys() | sort | join(',')} -%}
    {%- set waiting = [own_id] -%}
    {%- for _ in range(graph.nodes | length) if waiting -%}
        {%- set unique_id = waiting.pop() -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- do found.update({unique_id: node.checksum.checksum}) -%}
        {%- for parent in node.depends_on.nodes -%}
            {%- if parent not in found and parent in graph.nodes and graph.nodes[parent].config.materialized in ('view', 'incremental') and graph.nodes[parent].name != 'stg_events__build_state' -%}
                {%- do waiting.append(parent) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(local_md5(found.items() | sort | join)) }}
{%- endmacro %}


{% macro get_incremental_replace_received_days_sql(arg_dict) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ target }}
    where received_date in (
        select loads.received_date
        from {{ source('raw', 'event_loads') }} as loads
        inner join internal.received_days_built as built on loads.load_id > built.load_id
        where built.model_name = '{{ model['name'] }}'
    );
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{%- endmacro %}


{#- Aggregate: one hash of all rows' texts, whatever their order; '' when there are none. -#}
{% macro hash_rows(text) -%}
    {{ return(adapter.dispatch('hash_rows', 'plg')(text)) }}
{%- endmacro %}

{% macro default__hash_rows(text) -%}
    coalesce(md5(array_to_string(list_sort(list({{ text }})), '|')), '')
{%- endmacro %}

{% macro spark__hash_rows(text) -%}
    coalesce(md5(array_join(sort_array(collect_list({{ text }})), '|')), '')
{%- endmacro %}
