with

transitions as (
    select * from {{ ref('int_pql__transitions') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

final as (
    select
        transitions.model_key,
        transitions.entity_id as person_id,
        transitions.account_id,
        transitions.score_date,
        transitions.from_tier,
        transitions.to_tier,
        transitions.points,
        transitions.score_10,
        transitions.previous_points,
        transitions.top_signals,
        transitions.reason,
        transitions.transitioned_at
    from transitions
    inner join people on transitions.entity_id = people.person_id
    where transitions.level = 'user'
)

select * from final
