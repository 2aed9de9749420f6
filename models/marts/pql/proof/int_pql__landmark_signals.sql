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

final as (
    select
        reasons.model_key,
        reasons.account_id,
        reasons.score_date as landmark_date,
        reasons.signal_key,

        reasons.is_missing,
        reasons.evidence_count,
        -- what is left of the signal: 1 on the day of the evidence, fading to 0
        case
            when signals.points <> 0 then cast(reasons.points as double) / cast(signals.points as double)
            else 0
        end as share_present
    from reasons
    inner join landmarks
        on
            reasons.model_key = landmarks.model_key
            and reasons.account_id = landmarks.account_id
            and reasons.score_date = landmarks.landmark_date
    inner join signals
        on
            reasons.model_key = signals.model_key
            and reasons.signal_key = signals.signal_key
)

select * from final
