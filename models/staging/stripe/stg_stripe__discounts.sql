with

subscription_snapshots as (
    select * from {{ ref('base_stripe__subscription_snapshots') }}
),

on_subscriptions as (
    select
        event_id,
        subscription_id,
        cast(null as varchar) as item_id,
        {{ json_array_explode('snapshot.discounts') }}
    from subscription_snapshots
),

legacy_on_subscriptions as (
    -- newer API versions send the same discount in both places
    select
        subscription_snapshots.event_id,
        subscription_snapshots.subscription_id,
        cast(null as varchar) as item_id,
        subscription_snapshots.snapshot.discount as element,
        cast(1 as bigint) as position
    from subscription_snapshots
    left join on_subscriptions
        on
            subscription_snapshots.event_id = on_subscriptions.event_id
            and on_subscriptions.element.coupon.id is not null
    where
        subscription_snapshots.snapshot.discount is not null
        and on_subscriptions.event_id is null
),

items as (
    select
        event_id,
        subscription_id,
        {{ json_array_explode('snapshot.items.data') }}
    from subscription_snapshots
),

on_items as (
    select
        event_id,
        subscription_id,
        element.id as item_id,
        {{ json_array_explode('element.discounts') }}
    from items
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
        position as discount_position,
        element.id as discount_id,
        coalesce(element.coupon.id, element.source.coupon.id) as coupon_id,
        coalesce(element.coupon.percent_off, element.source.coupon.percent_off) as percent_off,
        coalesce(element.coupon.amount_off, element.source.coupon.amount_off) as amount_off,
        coalesce(element.coupon.currency, element.source.coupon.currency) as currency,
        coalesce(element.coupon.duration, element.source.coupon.duration) as duration,
        coalesce(element.coupon.duration_in_months, element.source.coupon.duration_in_months) as duration_in_months,
        {{ epoch_seconds_at('element.start') }} as starts_at,
        {{ epoch_seconds_at('element.end') }} as ends_at
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
