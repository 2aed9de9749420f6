-- Against the balance of the day, worked out another way than the model does.
with

scores as (
    select * from {{ ref('fct_scores') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

balances_today as (
    select
        movements.account_id,
        sum(movements.amount) as mrr
    from movements
    cross join clock
    where movements.movement_date <= cast(clock.as_of_at - interval '1' microsecond as date)
    group by movements.account_id
)

select
    scores.model_key,
    scores.account_id,
    scores.score_date,
    balances_today.mrr
from scores
inner join balances_today on scores.account_id = balances_today.account_id
cross join clock
where
    balances_today.mrr > 0
    and scores.score_date = cast(clock.as_of_at - interval '1' microsecond as date)
