-- All new MRR there ever was is attributed, once: nothing of it is lost, nothing is added.
with

movements as (
    select
        account_id,
        sum(amount) as amount
    from {{ ref('fct_mrr_movements') }}
    where movement_type = 'new'
    group by account_id
),

conversions as (
    select
        account_id,
        value
    from {{ ref('int_attribution__conversions') }}
    where conversion_type = 'first_payment'
)

select
    coalesce(movements.account_id, conversions.account_id) as account_id,
    movements.amount,
    conversions.value
from movements
full outer join conversions on movements.account_id = conversions.account_id
where coalesce(movements.amount, 0) <> coalesce(conversions.value, 0)
