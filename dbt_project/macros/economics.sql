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


{#- A share of an amount of money, in whole cents. DuckDB multiplies narrow decimals within 18
    digits and fails above: the amount is widened first. -#}
{% macro share_of_money(amount, share) -%}
    {{ round_money('cast(' ~ amount ~ ' as decimal(27, 2)) * cast(' ~ share ~ ' as decimal(6, 4))') }}
{%- endmacro %}
