with

subscription_snapshots as (
    select * from {{ ref('base_stripe__subscription_snapshots') }}
),

on_subscriptions as (
    select
        subscription_snapshots.event_id,
        subscription_snapshots.subscription_id,
        cast(null as varchar) as item_id,
        discounts.position as discount_position,
        discounts.element as discount
    from subscription_snapshots
    {{ json_array_explode('subscription_snapshots.snapshot.discounts', 'discounts') }}
),

legacy_on_subscriptions as (
    -- newer API versions send the same discount in both places
    select
        subscription_snapshots.event_id,
        subscription_snapshots.subscription_id,
        cast(null as varchar) as item_id,
        cast(1 as bigint) as discount_position,
        subscription_snapshots.snapshot.discount as discount
    from subscription_snapshots
    left join on_subscriptions
        on
            subscription_snapshots.event_id = on_subscriptions.event_id
            and on_subscriptions.discount.coupon.id is not null
    where
        subscription_snapshots.snapshot.discount is not null
        and on_subscriptions.event_id is null
),

items as (
    select
        subscription_snapshots.event_id,
        subscription_snapshots.subscription_id,
        items.element.id as item_id,
        items.element.discounts as discounts
    from subscription_snapshots
    {{ json_array_explode('subscription_snapshots.snapshot.items.data', 'items') }}
),

on_items as (
    select
        items.event_id,
        items.subscription_id,
        items.item_id,
        discounts.position as discount_position,
        discounts.element as discount
    from items
    {{ json_array_explode('items.discounts', 'discounts') }}
),

gathered as (
    select * from on_subscriptions
    union all
    select * from legacy_on_subscriptions
    union all
    select * from on_items
),

coupons_resolved as (
    select
        event_id,
        subscription_id,
        item_id,
        discount_position,
        discount.id as discount_id,
        coalesce(discount.coupon.id, discount.source.coupon.id) as coupon_id,
        coalesce(discount.coupon.percent_off, discount.source.coupon.percent_off) as percent_off,
        coalesce(discount.coupon.amount_off, discount.source.coupon.amount_off) as amount_off,
        coalesce(discount.coupon.currency, discount.source.coupon.currency) as currency,
        coalesce(discount.coupon.duration, discount.source.coupon.duration) as duration,
        coalesce(discount.coupon.duration_in_months, discount.source.coupon.duration_in_months) as duration_in_months,
        {{ epoch_seconds_at('discount.start') }} as starts_at,
        {{ epoch_seconds_at('discount.end') }} as ends_at
    from gathered
),

final as (
    select
        -- keys
        event_id,
        subscription_id,
        item_id,
        discount_id,
        coupon_id,
        -- attributes
        discount_position,
        duration,
        duration_in_months,
        upper(currency) as currency,
        -- Stripe sent only the discount's id: its value is not known here
        percent_off is null and amount_off is null as is_unexpanded,
        -- measures
        cast(percent_off as decimal(9, 6)) as percent_off,
        amount_off as amount_off_cents,
        -- times
        starts_at,
        case
            when ends_at is not null then ends_at
            when duration = 'repeating' then {{ add_months_to('starts_at', 'duration_in_months') }}
        end as ends_at
    from coupons_resolved
)

select * from final
