{#-
    The memory of the PQL scores.

    What was known on a day is written down on that day (int_pql__evidence_log, …__account_log,
    …__person_log, …__account_days), and scores are made from what was written down. A build may
    only write about days that no earlier build has closed: the *open* days. Which days are open is
    in int_pql__build_window, and follows from internal.pql_builds, one row per finished build.
-#}
{% macro create_pql_builds() -%}
    create schema if not exists internal;
    create table if not exists internal.pql_builds (
        build_number bigint, as_of_at timestamp, rules_hash varchar
    );
{%- endmacro %}


{#- A build is finished once its scores are there; for the transaction that builds them. -#}
{% macro remember_pql_build() -%}
    insert into internal.pql_builds (build_number, as_of_at, rules_hash)
    select
        (select coalesce(max(build_number), 0) + 1 from internal.pql_builds),
        as_of_at,
        rules_hash
    from {{ ref('int_pql__build_window') }}
{%- endmacro %}


{#- Newest build, and the newest that was not a look at the past: {last_as_of, last_rules, newest_as_of},
    nothing in it when there was none, when all is to be made anew, or when the memory itself is gone. -#}
{% macro pql_builds_so_far() -%}
    {%- if not execute -%}
        {{ return({}) }}
    {%- endif -%}
    {%- set builds = adapter.get_relation(database=target.database, schema='internal', identifier='pql_builds') -%}
    {%- set memory = adapter.get_relation(database=target.database, schema=this.schema, identifier='int_pql__evidence_log') -%}
    {%- if builds is none or memory is none -%}
        {{ return({}) }}
    {%- endif -%}
    {%- set found = run_query(
        "select as_of_at, rules_hash, max(as_of_at) over () as newest_as_of from " ~ builds
        ~ " order by build_number desc limit 1"
    ) -%}
    {%- if not found.rows -%}
        {{ return({}) }}
    {%- endif -%}
    {{ return({
        'last_as_of': found.rows[0]['as_of_at'] | string,
        'last_rules': found.rows[0]['rules_hash'],
        'newest_as_of': found.rows[0]['newest_as_of'] | string,
    }) }}
{%- endmacro %}


{#- A hash of the SQL of this mart's own models: other SQL makes other scores. -#}
{% macro pql_definition_hash() -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.fqn[1:3] == ['marts', 'pql'] and node.fqn | length == 4 -%}
            {%- do found.append(node.name ~ node.checksum.checksum) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(local_md5(found | sort | join)) }}
{%- endmacro %}


{#- Incremental strategy: the open days of a table, replaced. `meta.day_column` is its day,
    `meta.open_from` the column of int_pql__build_window that says from which day on; of a log by moments,
    `meta.and_day_column` is the day, and closed days stay. -#}
{% macro get_incremental_replace_open_days_sql(arg_dict) -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ config.get('meta')['day_column'] }} >= (
        select {{ config.get('meta')['open_from'] }} from {{ ref('int_pql__build_window') }}
    )
    {%- if 'and_day_column' in config.get('meta') %}
    and {{ config.get('meta')['and_day_column'] }} >= (select open_date from {{ ref('int_pql__build_window') }})
    {%- endif %};
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{%- endmacro %}


{#- What a memory has to write down: CTEs that compare the states of now (`states`: the keys,
    known_date and the values, each state holding from its known_date until the next of its key)
    with what was written about closed days (`remembered`: the same columns, known_from for
    known_date), and end in `changes` (keys, known_from, values, is_withdrawn). What came to be
    known on a closed day is written down for the first open one, and so is what is no longer so. -#}
{% macro changes_to_remember(states, remembered, keys, values, open_from) %}
states_known_before as (
    -- of all that was known when the first open day began only the last matters
    select
        *,
        row_number() over (partition by {{ keys | join(', ') }} order by known_date desc) as place
    from {{ states }}
    where known_date <= {{ open_from }}
),

states_of_open_days as (
    select
        {{ keys | join(', ') }},
        {{ open_from }} as known_from,
        {{ values | join(', ') }}
    from states_known_before
    where place = 1
    union all
    select
        {{ keys | join(', ') }},
        known_date as known_from,
        {{ values | join(', ') }}
    from {{ states }}
    where known_date > {{ open_from }}
),

last_remembered as (
    select
        {{ keys | join(', ') }},
        {{ values | join(', ') }},
        is_withdrawn
    from (
        select
            *,
            row_number() over (partition by {{ keys | join(', ') }} order by known_from desc) as place
        from {{ remembered }}
        where known_from < {{ open_from }}
    ) as remembered_ranked
    where place = 1
),

changes as (
    select
        {% for key in keys %}states_of_open_days.{{ key }}, {% endfor %}
        states_of_open_days.known_from,
        {% for value in values %}states_of_open_days.{{ value }}, {% endfor %}
        false as is_withdrawn
    from states_of_open_days
    left join last_remembered
        on
            {% for key in keys %}states_of_open_days.{{ key }} = last_remembered.{{ key }}
            {{ "and " if not loop.last }}{% endfor %}
            and states_of_open_days.known_from = {{ open_from }}
    where
        last_remembered.{{ keys[0] }} is null
        or last_remembered.is_withdrawn
        {% for value in values %}
        or states_of_open_days.{{ value }} is distinct from last_remembered.{{ value }}
        {%- endfor %}
    union all
    select
        {% for key in keys %}last_remembered.{{ key }}, {% endfor %}
        {{ open_from }} as known_from,
        {% for value in values %}last_remembered.{{ value }}, {% endfor %}
        true as is_withdrawn
    from last_remembered
    left join states_of_open_days
        on
            {% for key in keys %}last_remembered.{{ key }} = states_of_open_days.{{ key }}
            {{ "and " if not loop.last }}{% endfor %}
            and states_of_open_days.known_from = {{ open_from }}
    where
        states_of_open_days.{{ keys[0] }} is null
        and not last_remembered.is_withdrawn
)
{%- endmacro %}
