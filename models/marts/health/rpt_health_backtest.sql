with

backtest as (
    select * from {{ health_backtest_results() }}
    where
        sample = 'all'
        and cut_type in ('model', 'tier', 'threshold', 'decile')
),

final as (
    select
        model_key,
        case when cut_type = 'tier' then 'band' else cut_type end as cut_type,
        case when cut_type = 'threshold' then concat('< ', cast(cast(100 - threshold_points as integer) as varchar)) else cut end
            as cut,
        cut_order,
        count_observed,
        count_accounts,
        count_conversions as count_churned,
        count_immature,
        n,
        n_accounts,
        true_positives,
        false_positives,
        false_negatives,
        true_negatives,
        selection_rate,
        precision as churn_rate,
        precision_low as churn_rate_low,
        precision_high as churn_rate_high,
        recall,
        recall_low,
        recall_high,
        false_positive_rate,
        lift,
        lift_low,
        lift_high,
        above_next,
        above_next_low,
        above_next_high,
        auc,
        auc_low,
        auc_high
    from backtest
)

select * from final
