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


{#- The expansion queue's items. Its state machine is Python inside DuckDB's adapter; on an engine
    whose adapter runs no Python model the queue is empty. -#}
{% macro expansion_items() -%}
    {{ return(adapter.dispatch('expansion_items', 'plg')()) }}
{%- endmacro %}

{% macro default__expansion_items() -%}
    {{ ref('int_pql__expansion_items') }}
{%- endmacro %}

{% macro spark__expansion_items() -%}
    (select
        cast(null as string) as account_id,
        cast(null as string) as kind,
        cast(null as int) as item_number,
        cast(null as string) as status,
        cast(null as string) as suppression_reason,
        cast(null as date) as qualified_date,
        cast(null as date) as opened_date,
        cast(null as date) as expires_date,
        cast(null as date) as closed_date
    limit 0)
{%- endmacro %}
