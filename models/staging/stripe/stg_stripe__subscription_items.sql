with

subscription_snapshots as (
    select * from {{ ref('base_stripe__subscription_snapshots') }}
),

items_exploded as (
    select
        event_id,
        subscription_id,
        upper(snapshot.currency) as subscription_currency,
        {{ json_array_explode('snapshot.items.data') }}
    from subscription_snapshots
),

items_read as (
    select
        event_id,
        subscription_id,
        subscription_currency,
        position as item_position,
        element.id as item_id,
        element.quantity as quantity,
        element.price as price,
        element.plan as plan
    from items_exploded
),

plans_of_itemless as (
    -- API versions before 2014 know one plan a subscription and no items
    select
        event_id,
        subscription_id,
        upper(snapshot.currency) as subscription_currency,
        cast(1 as bigint) as item_position,
        subscription_id as item_id,
        snapshot.quantity as quantity,
        snapshot.plan as plan
    from subscription_snapshots
    where
        snapshot.plan.id is not null
        and snapshot.items is null
),

priced as (
    select
        event_id,
        subscription_id,
        item_id,
        item_position,
        quantity,
        subscription_currency,
        coalesce(price.id, plan.id) as price_id,
        coalesce(price.product, plan.product) as product,
        coalesce(price.currency, plan.currency) as price_currency,
        coalesce(price.unit_amount_decimal, price.unit_amount, plan.amount_decimal, plan.amount) as unit_amount,
        coalesce(price.billing_scheme, plan.billing_scheme, 'per_unit') as billing_scheme,
        coalesce(price.tiers_mode, plan.tiers_mode) as tiers_mode,
        coalesce(price.transform_quantity.divide_by, plan.transform_usage.divide_by) as package_size,
        coalesce(price.transform_quantity.round, plan.transform_usage.round) as package_rounding,
        coalesce(price.recurring.interval, plan.interval) as billing_interval,
        coalesce(price.recurring.interval_count, plan.interval_count, 1) as interval_count,
        coalesce(price.recurring.usage_type, plan.usage_type, 'licensed') as usage_type
    from items_read

    union all

    select
        event_id,
        subscription_id,
        item_id,
        item_position,
        quantity,
        subscription_currency,
        plan.id as price_id,
        plan.product as product,
        plan.currency as price_currency,
        coalesce(plan.amount_decimal, plan.amount) as unit_amount,
        coalesce(plan.billing_scheme, 'per_unit') as billing_scheme,
        plan.tiers_mode as tiers_mode,
        plan.transform_usage.divide_by as package_size,
        plan.transform_usage.round as package_rounding,
        plan.interval as billing_interval,
        coalesce(plan.interval_count, 1) as interval_count,
        coalesce(plan.usage_type, 'licensed') as usage_type
    from plans_of_itemless
),

final as (
    select
        -- keys
        event_id,
        subscription_id,
        item_id,
        price_id,
        {{ stripe_id('product') }} as product_id,
        -- attributes
        item_position,
        coalesce(upper(price_currency), subscription_currency) as currency,
        billing_interval,
        interval_count,
        billing_scheme,
        tiers_mode,
        package_size,
        package_rounding,
        usage_type = 'metered' as is_metered,
        -- measures
        coalesce(quantity, 1) as quantity,
        cast(unit_amount as decimal(24, 6)) as unit_amount_cents
    from priced
)

select * from final
