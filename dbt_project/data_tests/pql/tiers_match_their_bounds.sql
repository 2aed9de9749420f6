-- The tier of a score is the one with the highest bound not above it.
with

scores as (
    select * from {{ ref('fct_scores') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
),

bounds_met as (
    select
        scores.model_key,
        scores.account_id,
        scores.score_date,
        scores.tier,
        max(tiers.min_points) as highest_bound_met
    from scores
    left join tiers
        on
            scores.model_key = tiers.model_key
            and scores.points >= tiers.min_points
    group by
        scores.model_key,
        scores.account_id,
        scores.score_date,
        scores.tier
)

select
    bounds_met.model_key,
    bounds_met.account_id,
    bounds_met.score_date,
    bounds_met.tier,
    bounds_met.highest_bound_met
from bounds_met
left join tiers
    on
        bounds_met.model_key = tiers.model_key
        and bounds_met.tier = tiers.tier
where
    tiers.min_points is null
    or tiers.min_points <> bounds_met.highest_bound_met
