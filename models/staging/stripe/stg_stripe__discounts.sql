with

subscription_snapshots as (
    select * from {{ ref('base_stripe__subscription_snapshots') }}
),

object_states as (
    select * from {{ ref('base_stripe__object_states') }}
    where object_type = 'discount'
),

coupons as (
    select * from {{ ref('stg_stripe__coupons') }}
),

customer_discounts as (
    select * from {{ ref('stg_stripe__customer_discounts') }}
),

on_subscriptions as (
    select
        event_id,
        subscription_id,
        cast(null as varchar) as item_id,
        {{ json_array_explode('snapshot.discounts') }}
    from subscription_snapshots
    where snapshot.discounts is not null
),

events_with_list as (
    select distinct event_id from on_subscriptions
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
    left join events_with_list
        on subscription_snapshots.event_id = events_with_list.event_id
    where
        subscription_snapshots.snapshot.discount is not null
        and events_with_list.event_id is null
),

items as (
    select
        event_id,
        subscription_id,
        {{ json_array_explode('snapshot.items.data') }}
    from subscription_snapshots
    where snapshot.items is not null
),

on_items as (
    select
        event_id,
        subscription_id,
        element.id as item_id,
        {{ json_array_explode('element.discounts') }}
    from items
    where element.discounts is not null
),

on_customers as (
    -- a customer's discount lowers the subscriptions that have none of their own
    select
        subscription_snapshots.event_id,
        subscription_snapshots.subscription_id,
        cast(null as varchar) as item_id,
        customer_discounts.discount as element,
        row_number() over (
            partition by subscription_snapshots.event_id
            order by customer_discounts.discount_id
        ) as position,
        customer_discounts.removed_at
    from subscription_snapshots
    inner join customer_discounts
        on {{ stripe_id('subscription_snapshots.snapshot.customer') }} = customer_discounts.customer_id
    left join events_with_list
        on subscription_snapshots.event_id = events_with_list.event_id
    where
        events_with_list.event_id is null
        and subscription_snapshots.snapshot.discount is null
        and coalesce(customer_discounts.removed_at > subscription_snapshots.effective_at, true)
),

gathered as (
    {% for discounts_on in ['on_subscriptions', 'legacy_on_subscriptions', 'on_items'] -%}
    select
        *,
        cast(null as timestamp) as removed_at
    from {{ discounts_on }}
    union all
    {% endfor -%}
    select * from on_customers
),

discounts_read as (
    -- an id alone, or the whole object
    select
        event_id,
        subscription_id,
        item_id,
        position as discount_position,
        removed_at,
        case
            when substr(element, 1, 1) = {{ "'{'" }} then {{ json_struct('element', stripe_discount_shape()) }}
        end as discount,
        case when substr(element, 1, 1) <> {{ "'{'" }} then element end as bare_id
    from gathered
),

objects_read as (
    select
        object_id as discount_id,
        {{ json_struct('object', stripe_discount_shape()) }} as discount
    from object_states
),

discounts_seen_whole as (
    select
        coalesce(discount.id, bare_id) as discount_id,
        discount
    from discounts_read
    where discount is not null
    union all
    select
        discount_id,
        discount
    from objects_read
),

discounts_known as (
    select
        discount_id,
        max(coalesce(discount.coupon, discount.source.coupon)) as coupon,
        max(discount.start) as started,
        max(discount.end) as ended
    from discounts_seen_whole
    where discount_id is not null
    group by discount_id
),

filled as (
    select
        discounts_read.event_id,
        discounts_read.subscription_id,
        discounts_read.item_id,
        discounts_read.discount_position,
        discounts_read.removed_at,
        coalesce(discounts_read.discount.id, discounts_read.bare_id) as discount_id,
        coalesce(
            discounts_read.discount.coupon, discounts_read.discount.source.coupon, discounts_known.coupon
        ) as coupon,
        case when discounts_read.discount is null then discounts_known.started else discounts_read.discount.start end as started,
        case when discounts_read.discount is null then discounts_known.ended else discounts_read.discount.end end as ended
    from discounts_read
    left join discounts_known
        on coalesce(discounts_read.discount.id, discounts_read.bare_id) = discounts_known.discount_id
),

coupons_read as (
    select
        *,
        case when substr(coupon, 1, 1) = {{ "'{'" }} then {{ json_struct('coupon', stripe_coupon_shape()) }} end as coupon_object,
        case when substr(coupon, 1, 1) <> {{ "'{'" }} then coupon end as bare_coupon_id
    from filled
),

coupons_resolved as (
    select
        coupons_read.event_id,
        coupons_read.subscription_id,
        coupons_read.item_id,
        coupons_read.discount_position,
        coupons_read.removed_at,
        coupons_read.discount_id,
        coalesce(coupons_read.coupon_object.id, coupons_read.bare_coupon_id) as coupon_id,
        cast(coupons_read.coupon_object.percent_off as decimal(9, 6)) as percent_off_sent,
        coupons_read.coupon_object.amount_off as amount_off_sent,
        coupons.percent_off as percent_off_listed,
        coupons.amount_off_cents as amount_off_listed,
        coalesce(upper(coupons_read.coupon_object.currency), coupons.currency) as currency,
        coalesce(nullif(coupons_read.coupon_object.applies_to.products, '[]'), coupons_listed.applies_to) as applies_to,
        coalesce(coupons_read.coupon_object.currency_options, coupons_listed.currency_options) as currency_options,
        coalesce(coupons_read.coupon_object.duration, coupons.duration) as duration,
        coalesce(coupons_read.coupon_object.duration_in_months, coupons.duration_in_months) as duration_in_months,
        {{ epoch_seconds_at('coupons_read.started') }} as starts_at,
        {{ epoch_seconds_at('coupons_read.ended') }} as ends_at
    from coupons_read
    left join coupons
        on coupons_read.bare_coupon_id = coupons.coupon_id
    -- what webhooks leave out of a coupon a list that asked for it has
    left join coupons as coupons_listed
        on coalesce(coupons_read.coupon_object.id, coupons_read.bare_coupon_id) = coupons_listed.coupon_id
),

coupons_ended as (
    select
        *,
        case
            when ends_at is not null then ends_at
            when duration = 'repeating' then {{ add_months_to('starts_at', 'duration_in_months') }}
        end as runs_until
    from coupons_resolved
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
        currency,
        applies_to,
        currency_options,
        -- Stripe sent only an id, and nothing else tells what it stands for
        coalesce(percent_off_sent, percent_off_listed) is null
        and coalesce(amount_off_sent, amount_off_listed) is null as is_unexpanded,
        -- measures
        coalesce(percent_off_sent, percent_off_listed) as percent_off,
        coalesce(amount_off_sent, amount_off_listed) as amount_off_cents,
        -- times
        starts_at,
        case when removed_at < runs_until or runs_until is null then removed_at else runs_until end as ends_at
    from coupons_ended
)

select * from final
