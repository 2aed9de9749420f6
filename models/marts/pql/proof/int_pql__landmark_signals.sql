with

landmarks as (
    select * from {{ ref('int_pql__landmarks') }}
),

signals as (
    select * from {{ ref('pql_signals') }}
),

reasons as (
    select * from {{ ref('fct_score_reasons') }}
),

user_reasons as (
    select * from {{ ref('fct_user_score_reasons') }}
),

reasons_on_landmark_days as (
    select
        reasons.model_key,
        reasons.account_id,
        reasons.score_date,
        reasons.signal_key,
        reasons.decayed_points,
        reasons.is_missing,
        reasons.evidence_count
    from reasons
    inner join landmarks
        on
            reasons.model_key = landmarks.model_key
            and reasons.account_id = landmarks.account_id
            and reasons.score_date = landmarks.landmark_date
    union all
    -- of an account's users whoever shows the signal most
    select
        user_reasons.model_key,
        user_reasons.account_id,
        user_reasons.score_date,
        user_reasons.signal_key,
        max(user_reasons.decayed_points) as decayed_points,
        min(case when user_reasons.is_missing then 1 else 0 end) = 1 as is_missing,
        max(user_reasons.evidence_count) as evidence_count
    from user_reasons
    inner join landmarks
        on
            user_reasons.model_key = landmarks.model_key
            and user_reasons.account_id = landmarks.account_id
            and user_reasons.score_date = landmarks.landmark_date
    group by 1, 2, 3, 4
),

final as (
    select
        reasons_on_landmark_days.model_key,
        reasons_on_landmark_days.account_id,
        reasons_on_landmark_days.score_date as landmark_date,
        reasons_on_landmark_days.signal_key,

        reasons_on_landmark_days.is_missing,
        reasons_on_landmark_days.evidence_count,
        -- what is left of the signal: 1 on the day of the evidence, fading to 0
        case
            when signals.points <> 0
                then cast(reasons_on_landmark_days.decayed_points as double) / cast(signals.points as double)
            else 0
        end as share_present
    from reasons_on_landmark_days
    inner join signals
        on
            reasons_on_landmark_days.model_key = signals.model_key
            and reasons_on_landmark_days.signal_key = signals.signal_key
)

select * from final
