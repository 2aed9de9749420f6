{#- The last moment of a day, where of something only the day is known. -#}
{% macro end_of_day(date) -%}
    cast({{ add_days(date, 1) }} as timestamp) - interval 1 microsecond
{%- endmacro %}


{#- What removing a channel would cost. The chain is solved in Python inside DuckDB's adapter; on
    an engine whose adapter runs no Python model there are no effects, and no Markov credits. -#}
{% macro removal_effects() -%}
    {{ return(adapter.dispatch('removal_effects', 'plg')()) }}
{%- endmacro %}

{% macro default__removal_effects() -%}
    {{ ref('int_attribution__removal_effects') }}
{%- endmacro %}

{% macro spark__removal_effects() -%}
    (select
        cast(null as string) as conversion_type,
        cast(null as string) as channel,
        cast(null as bigint) as count_visits,
        cast(null as double) as conversion_probability,
        cast(null as double) as probability_without,
        cast(null as double) as removal_effect
    limit 0)
{%- endmacro %}


{#- The attribution models to compute (seed attribution_models); no Markov where none is solved. -#}
{% macro attribution_models() -%}
    {{ return(adapter.dispatch('attribution_models', 'plg')()) }}
{%- endmacro %}

{% macro default__attribution_models() -%}
    {{ ref('attribution_models') }}
{%- endmacro %}

{% macro spark__attribution_models() -%}
    (select * from {{ ref('attribution_models') }} where model <> 'markov')
{%- endmacro %}
