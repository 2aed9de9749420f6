with

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

discounts as (
    select * from {{ ref('stg_stripe__discounts') }}
),

running as (
    -- a once coupon lowers one invoice, not the recurring revenue
    select
        subscription_periods.event_id,
        subscription_periods.valid_from,
        discounts.item_id,
        coalesce(discounts.percent_off, 0) as percent_off,
        -- an amount in another currency than the subscription's does not apply to it
        case
            when coalesce(discounts.currency, subscription_periods.currency) = subscription_periods.currency
                then coalesce(discounts.amount_off_cents, 0)
            else 0
        end as amount_off_cents
    from subscription_periods
    inner join discounts
        on subscription_periods.event_id = discounts.event_id
    where
        discounts.duration <> 'once'
        and (discounts.starts_at is null or discounts.starts_at <= subscription_periods.valid_from)
        and (discounts.ends_at is null or discounts.ends_at > subscription_periods.valid_from)
),

final as (
    -- Two coupons of 20 % leave 64 %. A product as a sum of logarithms, rounded back to what
    -- the product is exactly: percentages have two decimals.
    select
        event_id,
        valid_from,
        item_id,
        cast(
            case
                when max(percent_off) >= 100 then 0
                else round(exp(sum(ln(1 - cast(case when percent_off < 100 then percent_off else 0 end as double) / 100))), 8)
            end as decimal(9, 8)
        ) as kept_share,
        cast(sum(amount_off_cents) as bigint) as amount_off_cents
    from running
    group by 1, 2, 3
)

select * from final
