with

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

models as (
    select * from {{ ref('int_pql__models') }}
),

scores as (
    select * from {{ ref('int_pql__scores') }}
    where level = 'account'
),

final as (
    select
        scores.model_key,
        scores.account_id,
        scores.score_date,
        build_window.as_of_at as scored_as_of_at,
        models.version as model_version,
        models.rules_hash,
        scores.points,
        scores.tier
    from scores
    inner join models on scores.model_key = models.model_key
    cross join build_window
    where
        scores.score_date >= build_window.log_from
        and scores.score_date <= build_window.last_score_date
)

select * from final
