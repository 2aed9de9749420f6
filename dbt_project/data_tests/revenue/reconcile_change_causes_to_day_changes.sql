-- The causes of an expansion or contraction add up to it exactly, and every one has a cause.
with

change_causes as (
    select * from {{ ref('int_revenue__change_causes') }}
),

day_changes as (
    select * from {{ ref('int_revenue__account_day_changes') }}
    where movement_type in ('expansion', 'contraction')
),

causes_summed as (
    select
        account_id,
        change_date,
        sum(amount) as amount
    from change_causes
    group by 1, 2
)

select
    day_changes.account_id,
    day_changes.change_date,
    day_changes.change_amount,
    causes_summed.amount
from day_changes
left join causes_summed
    on
        day_changes.account_id = causes_summed.account_id
        and day_changes.change_date = causes_summed.change_date
where coalesce(causes_summed.amount, 0) <> day_changes.change_amount
