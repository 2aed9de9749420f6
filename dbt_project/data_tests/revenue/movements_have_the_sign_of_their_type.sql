-- What is called expansion adds, what is called churn takes away, and every cause of it too.
select *
from {{ ref('fct_mrr_movements') }}
where
    amount = 0
    or (movement_type in ('new', 'expansion', 'reactivation') and amount < 0)
    or (movement_type in ('contraction', 'churn') and amount > 0)
