with

reasons as (
    select * from {{ ref('int_pql__score_reasons') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

final as (
    select
        reasons.model_key,
        reasons.entity_id as person_id,
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
    inner join people on reasons.entity_id = people.person_id
    where reasons.level = 'user'
)

select * from final
