with

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

models as (
    select * from {{ ref('int_pql__models') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
),

account_factors as (
    select * from {{ ref('int_pql__account_factors') }}
),

account_days as (
    select account_days.*
    from {{ ref('int_pql__account_days') }} as account_days
    cross join build_window
    where
        account_days.score_date >= build_window.score_from
        and account_days.score_date <= build_window.last_score_date
),

reasons as (
    select reasons.*
    from {{ ref('int_pql__score_reasons') }} as reasons
    cross join build_window
    where reasons.score_date >= build_window.score_from
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
        entity_id,
        score_date,
        max(level) as level,
        max(account_id) as account_id,
        sum(points) as points,
        sum(case when category = 'fit' then points else 0 end) as fit_points,
        sum(case when category in ('fit', 'cap') then 0 else decayed_points end) as event_points,
        sum(case when is_missing then 1 else 0 end) as count_missing
    from reasons
    group by
        model_key,
        entity_id,
        score_date
),

scores as (
    -- a day of an account without any reason has a score too: zero
    select
        models.level,
        models.model_key,
        account_days.account_id as entity_id,
        account_days.account_id,
        account_days.score_date,
        coalesce(points_by_day.points, 0) as points,
        coalesce(points_by_day.fit_points, 0) as fit_points,
        coalesce(points_by_day.event_points, 0) as event_points,
        coalesce(points_by_day.count_missing, 0) as count_missing
    from account_days
    inner join models
        on
            models.level = 'account'
            and account_days.score_date <= models.last_score_date
    left join points_by_day
        on
            models.model_key = points_by_day.model_key
            and account_days.account_id = points_by_day.entity_id
            and account_days.score_date = points_by_day.score_date
    union all
    select
        level,
        model_key,
        entity_id,
        account_id,
        score_date,
        points,
        fit_points,
        event_points,
        count_missing
    from points_by_day
    where level = 'user'
),

final as (
    select
        scores.level,
        scores.model_key,
        scores.entity_id,
        scores.account_id,
        scores.score_date,
        cast(scores.points as decimal(9, 2)) as points,
        -- linear between the points of a 1 and those of a 10
        cast(
            least(10, greatest(1, 1 + round(
                cast(9 * (scores.points - models.score_1_points) as decimal(18, 4))
                / (models.score_10_points - models.score_1_points), 0
            )))
            as integer
        ) as score_10,
        tier_bounds.tier,
        cast(scores.fit_points as decimal(9, 2)) as fit_points,
        cast(scores.points - scores.fit_points as decimal(9, 2)) as behaviour_points,
        cast(scores.event_points as decimal(18, 6)) as event_points,
        account_factors.count_people,
        account_factors.size_factor,
        account_factors.multiplier as potential_multiplier,
        -- as the formula stands, without the clamp for small accounts
        cast(
            round(cast(scores.event_points as decimal(18, 6)) * account_factors.raw_factor, 2) + scores.fit_points
            as decimal(12, 2)
        ) as raw_points,
        cast(scores.count_missing as integer) as count_missing
    from scores
    inner join models on scores.model_key = models.model_key
    left join tier_bounds
        on
            scores.model_key = tier_bounds.model_key
            and scores.points >= tier_bounds.min_points
            and (scores.points < tier_bounds.below_points or tier_bounds.below_points is null)
    left join account_factors
        on
            scores.model_key = account_factors.model_key
            and scores.account_id = account_factors.account_id
            and scores.score_date >= account_factors.valid_from
            and scores.score_date < account_factors.valid_to
)

select * from final
