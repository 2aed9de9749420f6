{#- The ways to count discounts, as in int_core__discounts_running. -#}
{%- set sets = ['default', 'forever', 'with_once'] -%}

with

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

item_amounts as (
    select * from {{ ref('int_core__item_amounts') }}
),

discounts_running as (
    select * from {{ ref('int_core__discounts_running') }}
),

item_discounts as (
    select * from discounts_running
    where item_id is not null
),

subscription_discounts as (
    select * from discounts_running
    where item_id is null
),

periods_discounted as (
    select distinct
        event_id,
        valid_from
    from discounts_running
),

items_discounted as (
    select
        item_amounts.event_id,
        item_amounts.item_id,
        periods_discounted.valid_from,
        item_amounts.interval_amount_cents
    from periods_discounted
    inner join item_amounts
        on periods_discounted.event_id = item_amounts.event_id
),

percentages_taken as (
    -- an item's own discounts first, then the whole subscription's
    select
        items_discounted.event_id,
        items_discounted.item_id,
        items_discounted.valid_from,
        items_discounted.interval_amount_cents,
    {% for key in sets %}
    cast(
        cast(
            greatest(
                cast(items_discounted.interval_amount_cents as decimal(22, 8))
                * coalesce(item_discounts.kept_share_{{ key }}, cast(1 as decimal(13, 12)))
                - coalesce(item_discounts.amount_off_{{ key }}_cents, 0),
                0
            ) as decimal(22, 8)
        ) * coalesce(subscription_discounts.kept_share_{{ key }}, cast(1 as decimal(13, 12))) as decimal(24, 8)
    ) as discounted_{{ key }}_cents,
    coalesce(subscription_discounts.amount_off_{{ key }}_cents, 0) as amount_off_{{ key }}_cents{{ "," if not loop.last }}
    {% endfor %}
    from items_discounted
    left join item_discounts
        on
            items_discounted.event_id = item_discounts.event_id
            and items_discounted.valid_from = item_discounts.valid_from
            and items_discounted.item_id = item_discounts.item_id
    left join subscription_discounts
        on
            items_discounted.event_id = subscription_discounts.event_id
            and items_discounted.valid_from = subscription_discounts.valid_from
),

larger_items_summed as (
    -- a fixed amount off comes from the largest item, what it cannot bear from the next
    select
        *,
    {% for key in sets %}
    coalesce(
        sum(discounted_{{ key }}_cents) over (
            partition by event_id, valid_from
            order by discounted_{{ key }}_cents desc, item_id
            rows between unbounded preceding and 1 preceding
            ), 0
    ) as larger_items_{{ key }}_cents{{ "," if not loop.last }}
    {% endfor %}
    from percentages_taken
),

amounts_off_taken as (
    select
        event_id,
        item_id,
        valid_from,
    {% for key in sets %}
    cast(
        case
            when interval_amount_cents is null then null
            when amount_off_{{ key }}_cents <= larger_items_{{ key }}_cents then discounted_{{ key }}_cents
            else greatest(discounted_{{ key }}_cents - (amount_off_{{ key }}_cents - larger_items_{{ key }}_cents), 0)
        end as decimal(24, 8)
    ) as net_{{ key }}_cents{{ "," if not loop.last }}
    {% endfor %}
    from larger_items_summed
),

final as (
    select
        -- keys
        item_amounts.event_id,
        item_amounts.item_id,
        subscription_periods.valid_from,
        -- attributes
        amounts_off_taken.event_id is not null as is_discounted,
        -- measures
        item_amounts.interval_amount_cents,
    {% for key in sets %}
    cast(
        case
            when amounts_off_taken.event_id is null then item_amounts.interval_amount_cents
            else amounts_off_taken.net_{{ key }}_cents
        end as decimal(24, 8)
    ) as net_{{ key }}_cents{{ "," if not loop.last }}
    {% endfor %}
    from subscription_periods
    inner join item_amounts
        on subscription_periods.event_id = item_amounts.event_id
    left join amounts_off_taken
        on
            item_amounts.event_id = amounts_off_taken.event_id
            and item_amounts.item_id = amounts_off_taken.item_id
            and subscription_periods.valid_from = amounts_off_taken.valid_from
)

select * from final
