{#- Wilson's 95 % interval of a share, `successes` of `trials`: NULL without trials. E. B. Wilson,
    Probable inference, the law of succession, and statistical inference, JASA 22 (1927). -#}
{% macro wilson_low(successes, trials) -%}
    {{ plg.wilson_bound(successes, trials, '-') }}
{%- endmacro %}

{% macro wilson_high(successes, trials) -%}
    {{ plg.wilson_bound(successes, trials, '+') }}
{%- endmacro %}

{#- DuckDB's least and greatest pass NULL over: without trials they must not be asked. -#}
{% macro wilson_bound(successes, trials, sign) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set n = 'cast(' ~ trials ~ ' as double)' -%}
    case
        when {{ trials }} > 0
            then least(1.0, greatest(0.0, (
                {{ successes }} + {{ z * z / 2 }}
                {{ sign }} {{ z }} * sqrt({{ successes }} * ({{ n }} - {{ successes }}) / {{ n }} + {{ z * z / 4 }})
            ) / ({{ n }} + {{ z * z }})))
    end
{%- endmacro %}
