with

models as (
    select * from {{ ref('pql_models') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
),

account_days as (
    select * from {{ ref('int_pql__account_days') }}
),

reasons as (
    select * from {{ ref('fct_score_reasons') }}
),

models_scored as (
    select
        model_key,
        max_points
    from models
    where
        level = 'account'
        and status in ('live', 'shadow')
),

tier_bounds as (
    -- a tier begins at its bound and ends before the next one's
    select
        model_key,
        tier,
        min_points,
        lead(min_points) over (partition by model_key order by min_points) as below_points
    from tiers
),

points_by_day as (
    select
        model_key,
        account_id,
        score_date,
        sum(points) as points,
        sum(case when category = 'fit' then points else 0 end) as fit_points,
        sum(case when is_missing then 1 else 0 end) as count_missing
    from reasons
    group by
        model_key,
        account_id,
        score_date
),

scores as (
    -- a day without any reason has a score too: zero
    select
        models_scored.model_key,
        models_scored.max_points,
        account_days.account_id,
        account_days.score_date,
        cast(coalesce(points_by_day.points, 0) as decimal(9, 2)) as points,
        cast(coalesce(points_by_day.fit_points, 0) as decimal(9, 2)) as fit_points,
        cast(coalesce(points_by_day.count_missing, 0) as integer) as count_missing
    from account_days
    cross join models_scored
    left join points_by_day
        on
            models_scored.model_key = points_by_day.model_key
            and account_days.account_id = points_by_day.account_id
            and account_days.score_date = points_by_day.score_date
),

final as (
    select
        scores.model_key,
        scores.account_id,
        scores.score_date,
        scores.points,
        -- 1 at no points, 10 at the model's most, linear in between
        cast(
            least(10, greatest(1, 1 + round(cast(9 * scores.points as decimal(18, 4)) / scores.max_points, 0)))
            as integer
        ) as score_10,
        tier_bounds.tier,
        scores.fit_points,
        cast(scores.points - scores.fit_points as decimal(9, 2)) as behaviour_points,
        scores.count_missing
    from scores
    left join tier_bounds
        on
            scores.model_key = tier_bounds.model_key
            and scores.points >= tier_bounds.min_points
            and (scores.points < tier_bounds.below_points or tier_bounds.below_points is null)
)

select * from final
