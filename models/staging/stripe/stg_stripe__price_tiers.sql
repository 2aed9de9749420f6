with

prices as (
    select * from {{ ref('base_stripe__prices') }}
),

tiers_exploded as (
    select
        price_id,
        {{ json_array_explode('price.tiers') }}
    from prices
),

tiers_read as (
    select
        price_id,
        position as tier_position,
        element.up_to as up_to_units,
        coalesce(element.unit_amount_decimal, element.unit_amount) as unit_amount,
        coalesce(element.flat_amount_decimal, element.flat_amount) as flat_amount
    from tiers_exploded
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
        cast(coalesce(unit_amount, '0') as decimal(30, 12)) as unit_amount_cents,
        cast(coalesce(flat_amount, '0') as decimal(30, 12)) as flat_amount_cents
    from tiers_read
)

select * from final
