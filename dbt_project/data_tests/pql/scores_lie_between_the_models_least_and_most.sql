with

scores as (
    select * from {{ ref('fct_scores') }}
),

models as (
    select * from {{ ref('pql_models') }}
)

select
    scores.model_key,
    scores.account_id,
    scores.score_date,
    scores.points,
    scores.score_10,
    models.min_points,
    models.max_points
from scores
inner join models on scores.model_key = models.model_key
where
    scores.points < models.min_points
    or scores.points > models.max_points
    or scores.score_10 < 1
    or scores.score_10 > 10
