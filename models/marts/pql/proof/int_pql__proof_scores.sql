with

scores as (
    select * from {{ ref('fct_scores') }}
),

user_scores as (
    select * from {{ ref('fct_user_scores') }}
),

users_ranked as (
    select
        model_key,
        account_id,
        score_date,
        points,
        score_10,
        tier,
        row_number() over (
            partition by model_key, account_id, score_date
            order by points desc, person_id asc
        ) as place
    from user_scores
),

final as (
    select
        model_key,
        'account' as level,
        account_id,
        score_date,
        points,
        score_10,
        tier
    from scores
    union all
    -- an account pays, not a user: a model of users is proved by the account's best one
    select
        model_key,
        'user' as level,
        account_id,
        score_date,
        points,
        score_10,
        tier
    from users_ranked
    where place = 1
)

select * from final
