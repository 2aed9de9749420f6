{#- Rows in which any of the columns is NULL. One query a model: a query for each column
    (dbt's own `not_null`) made two thirds of a build's tests. -#}
{% test not_null_columns(model, columns) %}

    select
        {%- for column in columns %}
        case when {{ column }} is null then 1 else 0 end as {{ column }}_is_null
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ model }}
    where
        {%- for column in columns %}
        {% if not loop.first %}or {% endif %}{{ column }} is null
        {%- endfor %}

{% endtest %}
