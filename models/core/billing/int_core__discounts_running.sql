{#- Three ways to count discounts: as revenue does, forever ones only, once ones too. -#}
{%- set sets = {
    'default': "duration <> 'once'",
    'forever': "duration = 'forever'",
    'with_once': "duration is not null",
} -%}

with

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

discounts as (
    select * from {{ ref('stg_stripe__discounts') }}
),

item_amounts as (
    select * from {{ ref('int_core__item_amounts') }}
),

items_applied_to as (
    -- a coupon for some products lowers the items that are of them, and no other; its fixed amount
    -- is taken once, off the largest of them
    select
        discounts.event_id,
        discounts.item_id as discounted_item_id,
        discounts.discount_position,
        item_amounts.item_id,
        row_number() over (
            partition by discounts.event_id, discounts.item_id, discounts.discount_position
            order by item_amounts.interval_amount_cents desc nulls last, item_amounts.item_id asc
        ) as size_rank
    from discounts
    inner join item_amounts
        on
            discounts.event_id = item_amounts.event_id
            and coalesce(discounts.item_id = item_amounts.item_id, true)
            and position('"' || item_amounts.product_id || '"' in discounts.applies_to) > 0
    where discounts.applies_to is not null
),

running as (
    select
        subscription_periods.event_id,
        subscription_periods.valid_from,
        coalesce(items_applied_to.item_id, discounts.item_id) as item_id,
        -- an item's own come before what is the whole subscription's
        discounts.item_id is null as is_of_subscription,
        discounts.discount_position,
        discounts.duration,
        cast(
            case when coalesce(discounts.percent_off, 0) < 100 then coalesce(discounts.percent_off, 0) else 100 end
            as double
        ) as percent_off,
        -- an amount in another currency than the subscription's does not apply to it, unless the
        -- coupon has one in this currency too
        case
            when items_applied_to.size_rank > 1 then 0
            when coalesce(discounts.currency, subscription_periods.currency) = subscription_periods.currency
                then coalesce(discounts.amount_off_cents, 0)
            else
                coalesce(
                    {{ json_number(
                        json_text_of('discounts.currency_options', 'lower(subscription_periods.currency)'),
                        'amount_off', 'bigint'
                    ) }}, 0
                )
        end as amount_off_cents
    from subscription_periods
    inner join discounts
        on subscription_periods.event_id = discounts.event_id
    left join items_applied_to
        on
            discounts.event_id = items_applied_to.event_id
            and discounts.discount_position = items_applied_to.discount_position
            and discounts.item_id is not distinct from items_applied_to.discounted_item_id
    where
        (discounts.applies_to is null or items_applied_to.item_id is not null)
        and (discounts.starts_at is null or discounts.starts_at <= greatest(subscription_periods.valid_from, subscription_periods.seen_at))
        and (discounts.ends_at is null or discounts.ends_at > subscription_periods.valid_from)
        -- a once coupon lowers the one invoice of the billing period it was given in
        and (
            discounts.duration <> 'once'
            or discounts.starts_at is null
            or coalesce(discounts.starts_at >= subscription_periods.current_period_started_at, true)
        )
),

with_what_follows as (
    -- Coupons apply one after the other: what one takes off, the percentages after it lower.
    -- So n of them leave share × price - amount, whatever the price. A product is the sum of
    -- logarithms, rounded back below: percentages have two decimals.
    select
        event_id,
        valid_from,
        item_id,
        amount_off_cents,
    {% for key, condition in sets.items() %}
    {{ condition }} as counts_{{ key }},
    case when {{ condition }} and percent_off < 100 then ln(1 - percent_off / 100) else 0 end as log_share_{{ key }},
    case when {{ condition }} and percent_off = 100 then 1 else 0 end as is_free_{{ key }},
    coalesce(sum(case when {{ condition }} and percent_off < 100 then ln(1 - percent_off / 100) else 0 end) over later_coupons, 0)
        as later_log_share_{{ key }},
    coalesce(max(case when {{ condition }} and percent_off = 100 then 1 else 0 end) over later_coupons, 0)
        as is_free_later_{{ key }}{{ "," if not loop.last }}
    {% endfor %}
    from running
    window later_coupons as (
        partition by event_id, valid_from, item_id
        order by is_of_subscription desc, discount_position desc
        rows between unbounded preceding and 1 preceding
    )
),

final as (
    select
        -- keys
        event_id,
        valid_from,
        item_id,
        -- measures
    {% for key in sets %}
    cast(
        case when max(is_free_{{ key }}) = 1 then 0 else round(exp(sum(log_share_{{ key }})), 12) end
        as decimal(13, 12)
    ) as kept_share_{{ key }},
    cast(
        sum(
            case
                when counts_{{ key }} and is_free_later_{{ key }} = 0
                    then round(amount_off_cents * exp(later_log_share_{{ key }}), 6)
                else 0
            end
        ) as decimal(24, 6)
    ) as amount_off_{{ key }}_cents{{ "," if not loop.last }}
    {% endfor %}
    from with_what_follows
    group by 1, 2, 3
)

select * from final
