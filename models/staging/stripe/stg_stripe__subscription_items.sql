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

rates_of_items as (
    select
        event_id,
        element.id as item_id,
        element.tax_rates as tax_rates
    from items_exploded
    where element.tax_rates is not null
),

rates_of_items_exploded as (
    select
        event_id,
        item_id,
        {{ json_array_explode('tax_rates') }}
    from rates_of_items
),

item_taxes as (
    select
        event_id,
        item_id,
        sum(case when element.inclusive then cast(element.percentage as decimal(9, 6)) else 0 end) as inclusive_tax_pct
    from rates_of_items_exploded
    group by 1, 2
),

rates_of_subscriptions as (
    select
        event_id,
        {{ json_array_explode('snapshot.default_tax_rates') }}
    from subscription_snapshots
    where snapshot.default_tax_rates is not null
),

subscription_taxes as (
    select
        event_id,
        sum(case when element.inclusive then cast(element.percentage as decimal(9, 6)) else 0 end) as inclusive_tax_pct
    from rates_of_subscriptions
    group by event_id
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
        priced.event_id,
        priced.subscription_id,
        priced.item_id,
        priced.price_id,
        {{ stripe_id('priced.product') }} as product_id,
        -- attributes
        priced.item_position,
        coalesce(upper(priced.price_currency), priced.subscription_currency) as currency,
        priced.billing_interval,
        priced.interval_count,
        priced.billing_scheme,
        priced.tiers_mode,
        priced.package_size,
        priced.package_rounding,
        priced.usage_type = 'metered' as is_metered,
        -- measures
        coalesce(priced.quantity, 1) as quantity,
        cast(priced.unit_amount as decimal(30, 12)) as unit_amount_cents,
        -- an item's own rates replace the subscription's
        cast(coalesce(item_taxes.inclusive_tax_pct, subscription_taxes.inclusive_tax_pct, 0) as decimal(9, 6)) as inclusive_tax_pct
    from priced
    left join item_taxes
        on
            priced.event_id = item_taxes.event_id
            and priced.item_id = item_taxes.item_id
    left join subscription_taxes
        on priced.event_id = subscription_taxes.event_id
)

select * from final
