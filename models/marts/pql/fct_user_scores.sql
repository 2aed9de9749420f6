with

scores as (
    select * from {{ ref('int_pql__scores') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

final as (
    select
        scores.model_key,
        scores.entity_id as person_id,
        scores.account_id,
        scores.score_date,
        scores.points,
        scores.score_10,
        scores.tier,
        scores.fit_points,
        scores.behaviour_points,
        scores.count_missing
    from scores
    inner join people on scores.entity_id = people.person_id
    where scores.level = 'user'
)

select * from final
