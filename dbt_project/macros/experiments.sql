{#- The evaluated experiments. The statistics run in Python inside DuckDB's adapter; on an engine
    whose adapter runs no Python model there are none. -#}
{% macro experiment_results() -%}
    {{ return(adapter.dispatch('experiment_results', 'plg')()) }}
{%- endmacro %}

{% macro default__experiment_results() -%}
    {{ ref('int_experiments__results') }}
{%- endmacro %}

{% macro spark__experiment_results() -%}
    (select
        cast(null as string) as experiment_key,
        cast(null as string) as variant,
        cast(null as string) as metric,
        cast(null as string) as role,
        cast(null as string) as kind,
        cast(null as string) as direction,
        cast(null as boolean) as is_control,
        cast(null as bigint) as n,
        cast(null as bigint) as count_immature,
        cast(null as double) as numerator,
        cast(null as bigint) as denominator,
        cast(null as double) as mean,
        cast(null as double) as absolute_lift,
        cast(null as double) as absolute_ci_low,
        cast(null as double) as absolute_ci_high,
        cast(null as double) as lift,
        cast(null as double) as ci_low,
        cast(null as double) as ci_high,
        cast(null as double) as p_value,
        cast(null as double) as adjusted_p,
        cast(null as double) as always_valid_p,
        cast(null as double) as adjusted_always_valid_p,
        cast(null as double) as cuped_mean,
        cast(null as double) as cuped_lift,
        cast(null as double) as cuped_ci_low,
        cast(null as double) as cuped_ci_high,
        cast(null as double) as cuped_p_value,
        cast(null as double) as cuped_variance_reduction,
        cast(null as double) as prob_to_beat_control,
        cast(null as double) as power,
        cast(null as bigint) as sample_size,
        cast(null as bigint) as sample_needed,
        cast(null as double) as srm_p_value,
        cast(null as string) as verdict,
        cast(null as string) as decision,
        cast(null as string) as reason
    where false)
{%- endmacro %}
