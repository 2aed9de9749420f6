with

prices as (
    select * from {{ ref('base_stripe__prices') }}
),

final as (
    select
        -- keys
        price_id,
        {{ stripe_id('price.product') }} as product_id,
        -- attributes
        price.nickname as price_name,
        upper(price.currency) as currency,
        price.recurring.interval as billing_interval,
        price.recurring.interval_count as interval_count,
        coalesce(price.billing_scheme, 'per_unit') as billing_scheme,
        price.tiers_mode as tiers_mode,
        price.tiers is not null as has_tiers,
        coalesce(price.recurring.usage_type = 'metered', false) as is_metered,
        coalesce(price.active, true) as is_active,
        -- measures
        cast(coalesce(price.unit_amount_decimal, price.unit_amount) as decimal(30, 12)) as unit_amount_cents
    from prices
)

select * from final
