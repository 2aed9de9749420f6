{#- Settings of the proof of scoring models (seed pql_proof_settings), one column each, as a query
    of one row. Whole numbers: what SQL asks for are days and points. -#}
{% macro pql_proof_settings(names) -%}
    select
    {%- for name in names %}
        cast(max(case when setting = '{{ name }}' then value end) as integer) as {{ name }}{{ "," if not loop.last }}
    {%- endfor %}
    from {{ ref('pql_proof_settings') }}
{%- endmacro %}


{#- A share of counts; NULL of nothing. -#}
{% macro share_of(part, whole) -%}
    case when {{ whole }} > 0 then cast({{ part }} as double) / {{ whole }} end
{%- endmacro %}


{#- An end of the 95 % interval of a share of events by Kaplan-Meier: on the scale of
    log(-log(survival)), which keeps it between 0 and 1 (J. D. Kalbfleisch, R. L. Prentice, 1980).
    `greenwood` is Greenwood's sum; NULL where nothing or everything has happened. -#}
{% macro survival_bound(share, greenwood, side) -%}
    case
        when {{ share }} > 0 and {{ share }} < 1
            then
                1 - power(
                    1 - {{ share }},
                    exp({{ side }} 1.959964 * sqrt({{ greenwood }}) / abs(ln(1 - {{ share }})))
                )
    end
{%- endmacro %}


{#- The backtest. The statistics run in Python inside DuckDB's adapter; on an engine whose adapter runs no
    Python model there are none. -#}
{% macro pql_backtest_results(model_name='int_pql__backtest') -%}
    {{ return(adapter.dispatch('pql_backtest_results', 'plg')(model_name)) }}
{%- endmacro %}

{#- The same of account health, where to convert is to leave. -#}
{% macro health_backtest_results() -%}
    {{ return(pql_backtest_results('int_health__backtest')) }}
{%- endmacro %}

{% macro default__pql_backtest_results(model_name) -%}
    {{ ref(model_name) }}
{%- endmacro %}

{% macro spark__pql_backtest_results(model_name) -%}
    (select
        cast(null as string) as model_key,
        cast(null as string) as sample,
        cast(null as string) as cut_type,
        cast(null as string) as cut,
        cast(null as int) as cut_order,
        cast(null as double) as threshold_points,
        cast(null as bigint) as count_observed,
        cast(null as bigint) as count_accounts,
        cast(null as bigint) as count_conversions,
        cast(null as bigint) as count_immature,
        cast(null as bigint) as n,
        cast(null as bigint) as n_accounts,
        cast(null as bigint) as true_positives,
        cast(null as bigint) as false_positives,
        cast(null as bigint) as false_negatives,
        cast(null as bigint) as true_negatives,
        cast(null as double) as selection_rate,
        cast(null as double) as precision,
        cast(null as double) as precision_low,
        cast(null as double) as precision_high,
        cast(null as double) as recall,
        cast(null as double) as recall_low,
        cast(null as double) as recall_high,
        cast(null as double) as false_positive_rate,
        cast(null as double) as false_positive_rate_low,
        cast(null as double) as false_positive_rate_high,
        cast(null as double) as lift,
        cast(null as double) as lift_low,
        cast(null as double) as lift_high,
        cast(null as double) as gain,
        cast(null as double) as above_next,
        cast(null as double) as above_next_low,
        cast(null as double) as above_next_high,
        cast(null as double) as predicted_rate,
        cast(null as double) as auc,
        cast(null as double) as auc_low,
        cast(null as double) as auc_high,
        cast(null as double) as brier_score,
        cast(null as double) as calibration_error,
        cast(null as string) as inputs_hash
    where false)
{%- endmacro %}


{#- The bias review. The statistics run in Python inside DuckDB's adapter; on an engine whose adapter runs no
    Python model there are none. -#}
{% macro pql_bias_results() -%}
    {{ return(adapter.dispatch('pql_bias_results', 'plg')()) }}
{%- endmacro %}

{% macro default__pql_bias_results() -%}
    {{ ref('int_pql__bias') }}
{%- endmacro %}

{% macro spark__pql_bias_results() -%}
    (select
        cast(null as string) as model_key,
        cast(null as string) as cut,
        cast(null as double) as threshold_points,
        cast(null as string) as dimension,
        cast(null as string) as dimension_value,
        cast(null as string) as measure,
        cast(null as bigint) as n,
        cast(null as bigint) as n_accounts,
        cast(null as double) as value,
        cast(null as double) as low,
        cast(null as double) as high,
        cast(null as string) as best_value,
        cast(null as double) as ratio_to_best,
        cast(null as double) as ratio_low,
        cast(null as double) as ratio_high,
        cast(null as string) as flag,
        cast(null as string) as inputs_hash
    where false)
{%- endmacro %}


{#- The criteria discovered. The statistics run in Python inside DuckDB's adapter; on an engine whose adapter runs no
    Python model there are none. -#}
{% macro pql_criteria_results() -%}
    {{ return(adapter.dispatch('pql_criteria_results', 'plg')()) }}
{%- endmacro %}

{% macro default__pql_criteria_results() -%}
    {{ ref('int_pql__criteria') }}
{%- endmacro %}

{% macro spark__pql_criteria_results() -%}
    (select
        cast(null as string) as window_key,
        cast(null as string) as event_name,
        cast(null as int) as min_count,
        cast(null as bigint) as conversions,
        cast(null as bigint) as controls,
        cast(null as bigint) as conversions_with,
        cast(null as bigint) as controls_with,
        cast(null as double) as presence,
        cast(null as double) as presence_low,
        cast(null as double) as presence_high,
        cast(null as double) as base_rate,
        cast(null as double) as base_rate_low,
        cast(null as double) as base_rate_high,
        cast(null as double) as lift,
        cast(null as double) as lift_low,
        cast(null as double) as lift_high,
        cast(null as double) as p_value,
        cast(null as double) as p_value_adjusted,
        cast(null as boolean) as is_present_enough,
        cast(null as boolean) as is_significant,
        cast(null as boolean) as is_criterion,
        cast(null as int) as place,
        cast(null as string) as inputs_hash
    where false)
{%- endmacro %}


{#- The recalibration. The statistics run in Python inside DuckDB's adapter; on an engine whose adapter runs no
    Python model there are none. -#}
{% macro pql_recalibration_results() -%}
    {{ return(adapter.dispatch('pql_recalibration_results', 'plg')()) }}
{%- endmacro %}

{% macro default__pql_recalibration_results() -%}
    {{ ref('int_pql__recalibration') }}
{%- endmacro %}

{% macro spark__pql_recalibration_results() -%}
    (select
        cast(null as string) as model_key,
        cast(null as string) as row_type,
        cast(null as string) as row_key,
        cast(null as bigint) as n,
        cast(null as bigint) as conversions,
        cast(null as bigint) as n_held_out,
        cast(null as bigint) as conversions_held_out,
        cast(null as date) as held_out_from,
        cast(null as double) as penalty_c,
        cast(null as bigint) as count_present,
        cast(null as double) as rate_present,
        cast(null as double) as rate_absent,
        cast(null as double) as lift,
        cast(null as double) as lift_low,
        cast(null as double) as lift_high,
        cast(null as double) as lift_p_value,
        cast(null as double) as lift_p_value_adjusted,
        cast(null as double) as coefficient,
        cast(null as double) as coefficient_low,
        cast(null as double) as coefficient_high,
        cast(null as double) as p_value,
        cast(null as double) as p_value_adjusted,
        cast(null as string) as verdict,
        cast(null as double) as current_points,
        cast(null as double) as proposed_points,
        cast(null as double) as current_share,
        cast(null as double) as proposed_share,
        cast(null as double) as current_precision,
        cast(null as double) as proposed_precision,
        cast(null as double) as precision_change_low,
        cast(null as double) as precision_change_high,
        cast(null as double) as current_recall,
        cast(null as double) as proposed_recall,
        cast(null as double) as current_auc,
        cast(null as double) as proposed_auc,
        cast(null as double) as auc_change_low,
        cast(null as double) as auc_change_high,
        cast(null as double) as importance,
        cast(null as double) as importance_low,
        cast(null as double) as importance_high,
        cast(null as double) as rate_when_absent,
        cast(null as double) as rate_when_full,
        cast(null as string) as decision,
        cast(null as string) as reason,
        cast(null as string) as inputs_hash
    where false)
{%- endmacro %}


{#- The drift. The statistics run in Python inside DuckDB's adapter; on an engine whose adapter runs no
    Python model there are none. -#}
{% macro pql_drift_results() -%}
    {{ return(adapter.dispatch('pql_drift_results', 'plg')()) }}
{%- endmacro %}

{% macro default__pql_drift_results() -%}
    {{ ref('int_pql__drift') }}
{%- endmacro %}

{% macro spark__pql_drift_results() -%}
    (select
        cast(null as string) as model_key,
        cast(null as string) as population,
        cast(null as string) as item,
        cast(null as date) as month,
        cast(null as bigint) as n,
        cast(null as bigint) as n_reference,
        cast(null as double) as mean,
        cast(null as double) as mean_reference,
        cast(null as double) as missing_rate,
        cast(null as double) as missing_rate_reference,
        cast(null as double) as psi,
        cast(null as double) as psi_by_chance,
        cast(null as double) as ks,
        cast(null as double) as ks_p_value,
        cast(null as string) as status,
        cast(null as date) as reference_from,
        cast(null as date) as reference_to,
        cast(null as string) as inputs_hash
    where false)
{%- endmacro %}
