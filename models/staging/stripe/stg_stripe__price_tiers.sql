with

prices as (
    select * from {{ ref('base_stripe__prices') }}
),

tiers_exploded as (
    select
        prices.price_id,
        tiers.position as tier_position,
        tiers.element.up_to as up_to_units,
        coalesce(tiers.element.unit_amount_decimal, tiers.element.unit_amount) as unit_amount,
        coalesce(tiers.element.flat_amount_decimal, tiers.element.flat_amount) as flat_amount
    from prices
    {{ json_array_explode('prices.price.tiers', 'tiers') }}
),

final as (
    select
        -- keys
        price_id,
        tier_position,
        -- measures
        coalesce(
            lag(up_to_units) over (partition by price_id order by tier_position), 0
        ) as after_units,
        up_to_units,
        cast(coalesce(unit_amount, '0') as decimal(24, 6)) as unit_amount_cents,
        cast(coalesce(flat_amount, '0') as decimal(24, 6)) as flat_amount_cents
    from tiers_exploded
)

select * from final
