with

accounts as (
    select * from {{ ref('int_pql__proof_accounts') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

scores as (
    select * from {{ ref('fct_scores') }}
),

settings as (
    {{ pql_proof_settings(['conversion_window_days', 'first_landmark_day']) }}
),

days_since_signup as (
    select
        accounts.account_id,
        accounts.segment,
        accounts.region,
        accounts.entry_model,
        accounts.signed_up_date,
        accounts.first_paid_date,
        settings.conversion_window_days,
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
        conversion_window_days,
        as_of_at,
        1 + cast(floor(
            ({{ days_between('signed_up_date', 'landmark_date') }} - first_landmark_day) / conversion_window_days
        ) as integer) as landmark_number
    from days_since_signup
    where
        ({{ days_between('signed_up_date', 'landmark_date') }} - first_landmark_day) % conversion_window_days = 0
        -- who has ever paid is won back, not converted
        and (first_paid_date is null or landmark_date < first_paid_date)
),

final as (
    select
        scores.model_key,
        scores.account_id,
        landmark_days.landmark_date,

        landmark_days.landmark_number,
        landmark_days.segment,
        landmark_days.region,
        landmark_days.entry_model,
        scores.tier,
        scores.tier in ('{{ var("funnel_pql_tiers", ["hot", "warm"]) | join("', '") }}') as is_pql,
        cast({{ add_days('landmark_days.landmark_date', 'landmark_days.conversion_window_days + 1') }} as timestamp)
        <= landmark_days.as_of_at as is_mature,
        coalesce(
            landmark_days.first_paid_date
            <= {{ add_days('landmark_days.landmark_date', 'landmark_days.conversion_window_days') }},
            false
        ) as is_converted,

        scores.points,
        scores.score_10
    from scores
    inner join landmark_days
        on
            scores.account_id = landmark_days.account_id
            and scores.score_date = landmark_days.landmark_date
)

select * from final
