with

accounts as (
    select * from {{ ref('int_pql__proof_accounts') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

scores as (
    select * from {{ ref('int_pql__proof_scores') }}
),

models as (
    select * from {{ ref('pql_models') }}
    where status in ('live', 'shadow')
),

account_models as (
    select model_key
    from models
    where level = 'account'
),

settings as (
    {{ pql_proof_settings(['landmark_every_days', 'first_landmark_day']) }}
),

days_since_signup as (
    select
        accounts.account_id,
        accounts.segment,
        accounts.region,
        accounts.entry_model,
        accounts.signed_up_date,
        accounts.first_paid_date,
        settings.landmark_every_days,
        settings.first_landmark_day,
        clock.as_of_at,
        {{ date_spine(
            add_days('accounts.signed_up_date', 'settings.first_landmark_day'),
            "cast(clock.as_of_at - interval '1' microsecond as date)"
        ) }} as landmark_date
    from accounts
    cross join settings
    cross join clock
),

landmark_days as (
    -- windows follow each other without overlap: a conversion lies in one of them
    select
        account_id,
        segment,
        region,
        entry_model,
        first_paid_date,
        landmark_date,
        landmark_every_days,
        as_of_at,
        1 + cast(floor(
            ({{ days_between('signed_up_date', 'landmark_date') }} - first_landmark_day) / landmark_every_days
        ) as integer) as landmark_number
    from days_since_signup
    where
        ({{ days_between('signed_up_date', 'landmark_date') }} - first_landmark_day) % landmark_every_days = 0
        -- who has ever paid is won back, not converted
        and (first_paid_date is null or landmark_date < first_paid_date)
),

scores_on_landmark_days as (
    select
        scores.model_key,
        scores.account_id,
        scores.score_date,
        scores.points,
        scores.score_10,
        scores.tier
    from scores
    inner join landmark_days
        on
            scores.account_id = landmark_days.account_id
            and scores.score_date = landmark_days.landmark_date
    inner join models on scores.model_key = models.model_key
),

days_scored as (
    -- a user who did nothing has no row: that is a score of zero, while the account is scored
    select distinct
        account_id,
        score_date
    from scores_on_landmark_days
    where model_key in (select model_key from account_models)
),

scores_filled as (
    select * from scores_on_landmark_days
    union all
    select
        models.model_key,
        days_scored.account_id,
        days_scored.score_date,
        cast(0 as decimal(9, 2)) as points,
        1 as score_10,
        'none' as tier
    from days_scored
    cross join models
    left join scores_on_landmark_days
        on
            models.model_key = scores_on_landmark_days.model_key
            and days_scored.account_id = scores_on_landmark_days.account_id
            and days_scored.score_date = scores_on_landmark_days.score_date
    where
        models.level = 'user'
        and scores_on_landmark_days.account_id is null
),

final as (
    select
        scores_filled.model_key,
        scores_filled.account_id,
        landmark_days.landmark_date,

        landmark_days.landmark_number,
        landmark_days.segment,
        landmark_days.region,
        landmark_days.entry_model,
        scores_filled.tier,
        scores_filled.tier in ('{{ var("funnel_pql_tiers", ["hot", "warm"]) | join("', '") }}') as is_pql,
        cast({{ add_days('landmark_days.landmark_date', 'landmark_days.landmark_every_days + 1') }} as timestamp)
        <= landmark_days.as_of_at as is_mature,
        coalesce(
            landmark_days.first_paid_date
            <= {{ add_days('landmark_days.landmark_date', 'landmark_days.landmark_every_days') }},
            false
        ) as is_converted,

        scores_filled.points,
        scores_filled.score_10
    from scores_filled
    inner join landmark_days
        on
            scores_filled.account_id = landmark_days.account_id
            and scores_filled.score_date = landmark_days.landmark_date
)

select * from final
