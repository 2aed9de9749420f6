with

backtest as (
    select * from {{ pql_backtest_results() }}
    where sample = 'all'
),

thresholds as (
    select * from {{ ref('int_pql__thresholds') }}
),

entries as (
    select * from {{ ref('int_pql__threshold_entries') }}
    where is_first and not is_former_customer
),

entries_counted as (
    select
        model_key,
        threshold_points,
        sum(case when is_mature then 1 else 0 end) as entries,
        sum(case when is_mature then 0 else 1 end) as entries_immature,
        sum(case when is_mature and is_paid then 1 else 0 end) as entries_paid,
        sum(case when is_mature and (is_paid or has_opportunity) then 1 else 0 end) as entries_advanced
    from entries
    group by model_key, threshold_points
),

bounds as (
    select
        thresholds.model_key,
        thresholds.threshold_points,
        thresholds.tier,
        thresholds.is_pql_bound,
        coalesce(entries_counted.entries, 0) as entries,
        coalesce(entries_counted.entries_immature, 0) as entries_immature,
        coalesce(entries_counted.entries_paid, 0) as entries_paid,
        coalesce(entries_counted.entries_advanced, 0) as entries_advanced
    from thresholds
    left join entries_counted
        on
            thresholds.model_key = entries_counted.model_key
            and thresholds.threshold_points = entries_counted.threshold_points
),

final as (
    select
        backtest.model_key,
        backtest.cut,

        backtest.cut_type,
        backtest.cut_order,
        cast(coalesce(backtest.threshold_points, bounds.threshold_points) as decimal(9, 2)) as threshold_points,
        bounds.tier,
        coalesce(backtest.cut_type = 'threshold' and bounds.is_pql_bound, false) as is_pql_bound,

        backtest.count_observed,
        backtest.count_accounts,
        backtest.count_conversions,
        backtest.count_immature,
        backtest.n,
        backtest.n_accounts,
        backtest.true_positives,
        backtest.false_positives,
        backtest.false_negatives,
        backtest.true_negatives,
        backtest.selection_rate,
        backtest.precision,
        backtest.precision_low,
        backtest.precision_high,
        backtest.recall,
        backtest.recall_low,
        backtest.recall_high,
        backtest.false_positive_rate,
        backtest.false_positive_rate_low,
        backtest.false_positive_rate_high,
        backtest.lift,
        backtest.lift_low,
        backtest.lift_high,
        backtest.gain,
        backtest.precision as conversion_rate,
        backtest.precision_low as conversion_rate_low,
        backtest.precision_high as conversion_rate_high,
        backtest.above_next,
        backtest.above_next_low,
        backtest.above_next_high,
        backtest.auc,
        backtest.auc_low,
        backtest.auc_high,

        cast(bounds.entries as bigint) as entries,
        cast(bounds.entries_immature as bigint) as entries_immature,
        cast(bounds.entries_paid as bigint) as entries_paid,
        {{ share_of('bounds.entries_paid', 'bounds.entries') }} as paid_rate,
        {{ wilson_bound('bounds.entries_paid', 'bounds.entries', '-') }} as paid_rate_low,
        {{ wilson_bound('bounds.entries_paid', 'bounds.entries', '+') }} as paid_rate_high,
        cast(bounds.entries_advanced as bigint) as entries_advanced,
        {{ share_of('bounds.entries_advanced', 'bounds.entries') }} as advance_rate,
        {{ wilson_bound('bounds.entries_advanced', 'bounds.entries', '-') }} as advance_rate_low,
        {{ wilson_bound('bounds.entries_advanced', 'bounds.entries', '+') }} as advance_rate_high
    from backtest
    left join bounds
        on
            backtest.model_key = bounds.model_key
            and (
                (backtest.cut_type = 'threshold' and backtest.threshold_points = cast(bounds.threshold_points as double))
                or (backtest.cut_type = 'tier' and backtest.cut = bounds.tier)
            )
)

select * from final
