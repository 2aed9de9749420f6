with

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

discounts as (
    select * from {{ ref('stg_stripe__discounts') }}
),

coupons as (
    select * from {{ ref('stg_stripe__coupons') }}
),

subscription_accounts as (
    select * from {{ ref('int_core__subscription_accounts') }}
),

internal_accounts as (
    select * from {{ ref('int_core__internal_accounts') }}
),

coupons_seen as (
    -- in each stretch of the subscription's life, which coupons it ran with
    select
        subscription_periods.subscription_id,
        coalesce(discounts.coupon_id, 'unknown') as coupon_id,
        discounts.item_id,
        discounts.duration,
        discounts.percent_off,
        discounts.amount_off_cents,
        discounts.currency,
        subscription_periods.valid_from,
        subscription_periods.valid_to
    from subscription_periods
    inner join discounts
        on subscription_periods.event_id = discounts.event_id
    where
        (discounts.starts_at is null or discounts.starts_at <= subscription_periods.valid_from)
        and (discounts.ends_at is null or discounts.ends_at > subscription_periods.valid_from)
        -- a once coupon is of the one invoice of the billing period it was given in
        and (
            discounts.duration <> 'once'
            or discounts.starts_at is null
            or coalesce(discounts.starts_at >= subscription_periods.current_period_started_at, true)
        )
),

stretches_marked as (
    select
        *,
        case
            when valid_from <= max(coalesce(valid_to, {{ end_of_time() }})) over coupon_history then 0
            else 1
        end as is_start
    from coupons_seen
    window coupon_history as (
        partition by subscription_id, coupon_id
        order by valid_from, item_id
        rows between unbounded preceding and 1 preceding
    )
),

stretches_numbered as (
    select
        *,
        sum(is_start) over (
            partition by subscription_id, coupon_id
            order by valid_from, item_id
            rows between unbounded preceding and current row
        ) as stretch_number
    from stretches_marked
),

stretches as (
    select
        subscription_id,
        coupon_id,
        stretch_number,
        max(duration) as duration,
        max(percent_off) as percent_off,
        max(amount_off_cents) as amount_off_cents,
        max(currency) as currency,
        min(valid_from) as valid_from,
        case when count(valid_to) = count(*) then max(valid_to) end as valid_to
    from stretches_numbered
    group by 1, 2, 3
),

final as (
    select
        -- keys
        stretches.subscription_id,
        stretches.coupon_id,
        subscription_accounts.account_id,
        -- attributes
        coupons.coupon_name,
        stretches.duration,
        stretches.currency,
        -- measures
        stretches.percent_off,
        stretches.amount_off_cents,
        -- times
        stretches.valid_from,
        stretches.valid_to
    from stretches
    inner join subscription_accounts
        on stretches.subscription_id = subscription_accounts.subscription_id
    left join coupons
        on stretches.coupon_id = coupons.coupon_id
    left join internal_accounts
        on subscription_accounts.account_id = internal_accounts.account_id
    where internal_accounts.account_id is null
)

select * from final
