with

scores as (
    select * from {{ ref('fct_scores') }}
),

scores_with_day_before as (
    select
        model_key,
        account_id,
        score_date,
        points,
        score_10,
        tier,
        lag(tier) over (partition by model_key, account_id order by score_date) as previous_tier,
        lag(points) over (partition by model_key, account_id order by score_date) as previous_points,
        lag(score_date) over (partition by model_key, account_id order by score_date) as previous_date
    from scores
),

tiers_compared as (
    -- after days without a score (the account was paying) it starts again from none
    select
        model_key,
        account_id,
        score_date,
        points,
        score_10,
        tier,
        case
            when {{ days_between('previous_date', 'score_date') }} = 1 then previous_tier
            else 'none'
        end as previous_tier,
        case
            when {{ days_between('previous_date', 'score_date') }} = 1 then previous_points
            else 0
        end as previous_points
    from scores_with_day_before
),

final as (
    select
        model_key,
        account_id,
        score_date,
        points,
        score_10,
        tier,
        previous_tier,
        cast(previous_points as decimal(9, 2)) as previous_points
    from tiers_compared
    where tier <> previous_tier
)

select * from final
