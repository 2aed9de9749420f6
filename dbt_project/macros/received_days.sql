{#-
    Incremental models over the lake's events.

    The lake is partitioned by the day an event was *received*. A load (an ingest run) touches
    some of those days: with new events, or by taking a withdrawn file's events away. Such a
    model stores in every row the newest load it had seen (`built_load_id`) and a hash of the
    rules it applied (`rules_hash`), both from stg_events__build_state, and on its next run
    rebuilds the days touched since:

    - the model's SQL filters with {{ received_days_to_build() }}: a literal list of days, so
      that only those partitions are opened;
    - the strategy `replace_received_days` deletes those days from the target and inserts the
      newly built rows, in one transaction.

    Rules that changed (a renamed event, a denied id, …) make every day a touched day. A target
    without rows has no memory: it reads everything again, which is cheap as nothing matches.
-#}
{% macro received_days_to_build(column='received_date') -%}
    {%- if not (execute and this and is_incremental()) -%}
        true
    {%- else -%}
        {{ received_days_condition(touched_received_days(this, model.name), column) }}
    {%- endif -%}
{%- endmacro %}


{% macro received_days_condition(days, column) -%}
    {%- if days == 'all' -%}
        true
    {%- elif not days -%}
        false
    {%- else -%}
        {{ column }} in ({% for day in days %}date '{{ day }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}


{#- 'all', or the received days touched by loads that `target` has not seen yet. -#}
{% macro touched_received_days(target, model_name) -%}
    {%- set found = run_query(
        "with built as (select max(built_load_id) as load_id, max(rules_hash) as rules_hash from " ~ target ~ "), "
        ~ "state as (select rules_hash from " ~ ref('stg_events__build_state')
        ~ " where model_name = '" ~ model_name ~ "') "
        ~ "select case when built.rules_hash = state.rules_hash then built.load_id end as load_id, "
        ~ "loads.received_date from built cross join state "
        ~ "left join " ~ source('raw', 'event_loads') ~ " as loads on loads.load_id > built.load_id "
        ~ "group by 1, 2 order by 2"
    ) -%}
    {#- no rows yet, or other rules: no memory -#}
    {%- if not found.rows or found.rows[0]['load_id'] is none -%}
        {{ return('all') }}
    {%- endif -%}
    {{ return(found.columns['received_date'].values() | select | map('string') | list) }}
{%- endmacro %}


{% macro get_incremental_replace_received_days_sql(arg_dict) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set days = touched_received_days(target, model['name']) -%}
    delete from {{ target }} where {{ received_days_condition(days, 'received_date') }};
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
