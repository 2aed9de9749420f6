{#- No column of `not_null` is NULL, and no two rows agree in all columns of one list of
    `unique_by` (NULLs count as equal). The failing rows say what is wrong and how often.

    One test a model: dbt spends some 50 ms on every test whatever it asks, and a test for
    each column and key was a third of a build. -#}
{% test keys(model, not_null=[], unique_by=[]) %}
{{ config(fail_calc="coalesce(sum(count_rows), 0)") }}
{%- set selects = [] -%}
{%- if not_null -%}
    {%- set nulls -%}
select
    'NULL' as problem,
    concat_ws(', '
        {%- for column in not_null %},
        case when {{ column }} is null then '{{ column }}' end
        {%- endfor %}) as columns_concerned,
    count(*) as count_rows
from {{ model }}
where
    {%- for column in not_null %}
    {% if not loop.first %}or {% endif %}{{ column }} is null
    {%- endfor %}
group by 1, 2
    {%- endset -%}
    {%- do selects.append(nulls) -%}
{%- endif -%}
{%- for columns in unique_by -%}
    {%- set repeated -%}
select
    'repeated' as problem,
    '{{ columns | join(', ') }}' as columns_concerned,
    sum(count_copies) as count_rows
from (
    select count(*) as count_copies
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
) as copies
having sum(count_copies) > 0
    {%- endset -%}
    {%- do selects.append(repeated) -%}
{%- endfor -%}
{{ selects | join('\nunion all\n') }}
{% endtest %}
