with

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

scores as (
    select scores.*
    from {{ ref('int_pql__scores') }} as scores
    cross join build_window
    where
        build_window.score_from = date '1900-01-01'
        or scores.score_date >= {{ add_days('build_window.score_from', -1) }}
),

scores_with_day_before as (
    select
        *,
        lag(tier) over (partition by model_key, entity_id order by score_date) as tier_before,
        lag(points) over (partition by model_key, entity_id order by score_date) as points_before,
        lag(score_date) over (partition by model_key, entity_id order by score_date) as date_before
    from scores
),

tiers_compared as (
    -- after days without a score (the account was paying) it starts again from none
    select
        level,
        model_key,
        entity_id,
        account_id,
        score_date,
        points,
        score_10,
        tier,
        case
            when {{ days_between('date_before', 'score_date') }} = 1 then tier_before
            else 'none'
        end as previous_tier,
        case
            when {{ days_between('date_before', 'score_date') }} = 1 then points_before
            else 0
        end as previous_points,
        coalesce({{ days_between('date_before', 'score_date') }} = 1, false) as has_day_before
    from scores_with_day_before
),

final as (
    select
        tiers_compared.level,
        tiers_compared.model_key,
        tiers_compared.entity_id,
        tiers_compared.account_id,
        tiers_compared.score_date,
        tiers_compared.points,
        tiers_compared.score_10,
        tiers_compared.tier,
        tiers_compared.previous_tier,
        cast(tiers_compared.previous_points as decimal(9, 2)) as previous_points,
        tiers_compared.has_day_before
    from tiers_compared
    cross join build_window
    where
        tiers_compared.tier <> tiers_compared.previous_tier
        and tiers_compared.score_date >= build_window.score_from
)

select * from final
