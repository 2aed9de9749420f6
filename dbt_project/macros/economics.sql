{#- Internal rates of return by cohort. Roots are found in Python inside DuckDB's adapter; on an
    engine whose adapter runs no Python model there are none. -#}
{% macro cohort_irr() -%}
    {{ return(adapter.dispatch('cohort_irr', 'plg')()) }}
{%- endmacro %}

{% macro default__cohort_irr() -%}
    {{ ref('int_economics__cohort_irr') }}
{%- endmacro %}

{% macro spark__cohort_irr() -%}
    (select
        cast(null as date) as cohort_month,
        cast(null as double) as irr_monthly,
        cast(null as double) as irr_annual
    limit 0)
{%- endmacro %}
