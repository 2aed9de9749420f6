with

backtest as (
    select * from {{ pql_backtest_results() }}
    where sample = 'held_out'
),

final as (
    select
        model_key,
        cut,
        case when cut_type = 'score_10' then cut_order end as score_10,

        n,
        n_accounts,
        true_positives as conversions,
        predicted_rate,
        precision as observed_rate,
        precision_low as observed_rate_low,
        precision_high as observed_rate_high,
        predicted_rate >= precision_low and predicted_rate <= precision_high as is_calibrated,
        brier_score,
        calibration_error,
        auc
    from backtest
)

select * from final
