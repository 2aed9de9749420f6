{#- Two decimals, halves away from zero; give it DECIMAL, never float. -#}
{% macro round_money(value) -%}
    cast(round({{ value }}, 2) as decimal(18, 2))
{%- endmacro %}


{#- Money of another currency at an exchange rate, exact. DuckDB multiplies two DECIMALs of up to
    18 digits within 18 digits: at a rate of eight decimals that overflows from 92 million yen on. -#}
{% macro at_rate(amount, rate) -%}
    (cast({{ amount }} as decimal(27, 3)) * {{ rate }})
{%- endmacro %}
