-- Every score is exactly the sum of its reasons, and no reason is without a score.
with

scores as (
    select * from {{ ref('fct_scores') }}
),

reasons as (
    select * from {{ ref('fct_score_reasons') }}
),

reason_sums as (
    select
        reasons.model_key,
        reasons.account_id,
        reasons.score_date,
        sum(reasons.points) as points
    from reasons
    group by
        reasons.model_key,
        reasons.account_id,
        reasons.score_date
)

select
    coalesce(scores.model_key, reason_sums.model_key) as model_key,
    coalesce(scores.account_id, reason_sums.account_id) as account_id,
    coalesce(scores.score_date, reason_sums.score_date) as score_date,
    scores.points as score,
    reason_sums.points as sum_of_reasons
from scores
full outer join reason_sums
    on
        scores.model_key = reason_sums.model_key
        and scores.account_id = reason_sums.account_id
        and scores.score_date = reason_sums.score_date
where
    scores.points is null
    or scores.points <> coalesce(reason_sums.points, 0)
