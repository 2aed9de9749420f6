-- An item has one state at a time.
with

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

with_next as (
    select
        subscription_id,
        item_id,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by subscription_id, item_id order by valid_from) as next_valid_from
    from item_periods
)

select *
from with_next
where
    valid_to <= valid_from
    or next_valid_from < coalesce(valid_to, timestamp '9999-12-31 00:00:00')
