with

items as (
    select * from {{ ref('stg_stripe__subscription_items') }}
),

price_tiers as (
    select * from {{ ref('stg_stripe__price_tiers') }}
),

prices as (
    select * from {{ ref('stg_stripe__prices') }}
),

tiered_quantities as (
    select distinct
        items.price_id,
        items.quantity,
        coalesce(items.tiers_mode, prices.tiers_mode) as tiers_mode
    from items
    left join prices
        on items.price_id = prices.price_id
    where items.billing_scheme = 'tiered'
),

tiered_amounts as (
    -- volume: all units at the price of the tier reached; graduated: each unit at its tier's
    select
        tiered_quantities.price_id,
        tiered_quantities.quantity,
        tiered_quantities.tiers_mode,
        sum(
            case
                when tiered_quantities.tiers_mode = 'volume'
                    then tiered_quantities.quantity * price_tiers.unit_amount_cents
                else
                    (
                        case
                            when price_tiers.up_to_units < tiered_quantities.quantity then price_tiers.up_to_units
                            else tiered_quantities.quantity
                        end - price_tiers.after_units
                    ) * price_tiers.unit_amount_cents
            end
            + price_tiers.flat_amount_cents
        ) as amount_cents
    from tiered_quantities
    inner join price_tiers
        on
            tiered_quantities.price_id = price_tiers.price_id
            and tiered_quantities.quantity > price_tiers.after_units
            and (
                tiered_quantities.tiers_mode = 'graduated'
                or price_tiers.up_to_units is null
                or tiered_quantities.quantity <= price_tiers.up_to_units
            )
    group by 1, 2, 3
),

units_counted as (
    select
        items.*,
        tiered_amounts.amount_cents as tiered_amount_cents,
        coalesce(items.unit_amount_cents, prices.unit_amount_cents) as known_unit_amount_cents,
        case
            when items.package_size is null then items.quantity
            else {{ packages('items.quantity', 'items.package_size', 'items.package_rounding') }}
        end as billed_units
    from items
    left join prices
        on items.price_id = prices.price_id
    left join tiered_amounts
        on
            items.price_id = tiered_amounts.price_id
            and items.quantity = tiered_amounts.quantity
            and items.billing_scheme = 'tiered'
),

final as (
    select
        -- keys
        event_id,
        subscription_id,
        item_id,
        price_id,
        product_id,
        -- attributes
        currency,
        billing_interval,
        interval_count,
        is_metered,
        -- measures
        quantity,
        inclusive_tax_pct,
        known_unit_amount_cents as unit_amount_cents,
        -- what one billing interval costs before discounts; NULL: the price is not known
        case
            when is_metered then cast(0 as decimal(38, 12))
            when quantity = 0 and billing_scheme = 'tiered' then cast(0 as decimal(38, 12))
            when billing_scheme = 'tiered' then cast(tiered_amount_cents as decimal(38, 12))
            else cast(known_unit_amount_cents * billed_units as decimal(38, 12))
        end as interval_amount_cents
    from units_counted
)

select * from final
