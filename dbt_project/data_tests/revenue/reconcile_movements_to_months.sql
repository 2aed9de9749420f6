-- The movements of an account, month and type are that month's column, and nothing is left over
-- on either side.
with

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

from_movements as (
    select
        account_id,
        {{ month_start('movement_date') }} as month,
        movement_type,
        sum(amount) as amount
    from mrr_movements
    group by 1, 2, 3
),

from_months as (
    {% for movement in ['new', 'expansion', 'contraction', 'churn', 'reactivation', 'fx'] %}
    select
        account_id,
        month,
        '{{ movement }}' as movement_type,
        {{ movement }}_mrr as amount
    from mrr_months
    where {{ movement }}_mrr <> 0
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    coalesce(from_movements.account_id, from_months.account_id) as account_id,
    coalesce(from_movements.month, from_months.month) as month,
    coalesce(from_movements.movement_type, from_months.movement_type) as movement_type,
    from_movements.amount as amount_of_movements,
    from_months.amount as amount_of_month
from from_movements
full outer join from_months
    on
        from_movements.account_id = from_months.account_id
        and from_movements.month = from_months.month
        and from_movements.movement_type = from_months.movement_type
-- two fx movements of a month can add up to nothing
where coalesce(from_movements.amount, 0) <> coalesce(from_months.amount, 0)
