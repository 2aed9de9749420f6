-- What the backtest counts (Python) against the same counted by SQL: tiers, bounds, everybody.
with

landmarks as (
    select * from {{ ref('int_pql__landmarks') }}
    where is_mature
),

backtest as (
    select * from {{ ref('rpt_backtest') }}
    where cut_type in ('model', 'tier', 'threshold')
),

counted as (
    select
        backtest.model_key,
        backtest.cut,
        backtest.n,
        backtest.true_positives,
        count(landmarks.account_id) as n_counted,
        coalesce(sum(case when landmarks.is_converted then 1 else 0 end), 0) as true_positives_counted
    from backtest
    left join landmarks
        on
            backtest.model_key = landmarks.model_key
            and (
                backtest.cut_type = 'model'
                or (backtest.cut_type = 'tier' and backtest.cut = landmarks.tier)
                or (backtest.cut_type = 'threshold' and backtest.threshold_points <= landmarks.points)
            )
    group by
        backtest.model_key,
        backtest.cut,
        backtest.n,
        backtest.true_positives
)

select * from counted
where n <> n_counted or true_positives <> true_positives_counted
