with

reasons as (
    select * from {{ ref('int_pql__score_reasons') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

final as (
    select
        reasons.model_key,
        reasons.account_id,
        reasons.score_date,
        reasons.signal_key,
        reasons.category,
        reasons.points,
        reasons.points_before_decay,
        reasons.decay_factor,
        reasons.decayed_points,
        reasons.evidence_count,
        reasons.last_seen_at,
        reasons.sentence,
        reasons.is_missing
    from reasons
    inner join accounts on reasons.account_id = accounts.account_id
    where reasons.level = 'account'
)

select * from final
