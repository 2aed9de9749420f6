{#- Two decimals, halves away from zero; give it DECIMAL, never float. -#}
{% macro round_money(value) -%}
    cast(round({{ value }}, 2) as decimal(18, 2))
{%- endmacro %}
