-- One item of an account and kind at a time, its cool-down kept, its reasons adding up to its points.
with

queue as (
    select * from {{ ref('fct_expansion_queue') }}
),

reasons as (
    select * from {{ ref('fct_expansion_reasons') }}
),

kinds as (
    select * from {{ ref('expansion_kinds') }}
),

items_in_order as (
    select
        queue.*,
        lag(queue.closed_date) over items as previous_closed_date,
        queue.item_number > 1 as has_previous
    from queue
    window items as (partition by queue.account_id, queue.kind order by queue.qualified_date)
),

points_of_reasons as (
    select
        item_id,
        sum(points) as points
    from reasons
    group by item_id
)

select
    items_in_order.item_id,
    items_in_order.previous_closed_date,
    items_in_order.qualified_date,
    items_in_order.points,
    points_of_reasons.points as points_of_reasons
from items_in_order
inner join kinds on items_in_order.kind = kinds.kind
left join points_of_reasons on items_in_order.item_id = points_of_reasons.item_id
where
    (
        items_in_order.has_previous
        and coalesce(
            items_in_order.qualified_date < {{ add_days('items_in_order.previous_closed_date', 'kinds.cool_down_days') }},
            true
        )
    )
    or items_in_order.points is distinct from points_of_reasons.points
    or items_in_order.points < kinds.min_points
