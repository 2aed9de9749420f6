with

scores as (
    select * from {{ ref('int_pql__scores') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

final as (
    -- an account that became part of another has its history in the log only
    select
        scores.model_key,
        scores.account_id,
        scores.score_date,
        scores.points,
        scores.score_10,
        scores.tier,
        scores.fit_points,
        scores.behaviour_points,
        scores.event_points,
        scores.count_people,
        scores.size_factor,
        scores.potential_multiplier,
        scores.raw_points,
        scores.count_missing
    from scores
    inner join accounts on scores.account_id = accounts.account_id
    where scores.level = 'account'
)

select * from final
