with

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

item_amounts as (
    select * from {{ ref('int_core__item_amounts') }}
),

discounts_running as (
    select * from {{ ref('int_core__discounts_running') }}
),

item_discounts as (
    select * from discounts_running
    where item_id is not null
),

subscription_discounts as (
    select * from discounts_running
    where item_id is null
),

percentages_taken as (
    -- an item's own discount first, then the whole subscription's
    select
        item_amounts.event_id,
        item_amounts.item_id,
        subscription_periods.valid_from,
        item_amounts.interval_amount_cents,
        case
            when
                item_amounts.interval_amount_cents * coalesce(item_discounts.kept_share, 1)
                > coalesce(item_discounts.amount_off_cents, 0)
                then
                    cast(item_amounts.interval_amount_cents * coalesce(item_discounts.kept_share, 1) as decimal(24, 6))
                    - coalesce(item_discounts.amount_off_cents, 0)
            else 0
        end as after_own_discount_cents,
        coalesce(subscription_discounts.kept_share, 1) as subscription_kept_share,
        coalesce(subscription_discounts.amount_off_cents, 0) as subscription_amount_off_cents
    from subscription_periods
    inner join item_amounts
        on subscription_periods.event_id = item_amounts.event_id
    left join item_discounts
        on
            subscription_periods.event_id = item_discounts.event_id
            and subscription_periods.valid_from = item_discounts.valid_from
            and item_amounts.item_id = item_discounts.item_id
    left join subscription_discounts
        on
            subscription_periods.event_id = subscription_discounts.event_id
            and subscription_periods.valid_from = subscription_discounts.valid_from
),

before_amount_off as (
    select
        event_id,
        item_id,
        valid_from,
        interval_amount_cents,
        subscription_amount_off_cents,
        cast(after_own_discount_cents * subscription_kept_share as decimal(24, 6)) as discounted_cents
    from percentages_taken
),

larger_items_summed as (
    -- a fixed amount off comes from the largest item, what it cannot bear from the next
    select
        *,
        coalesce(
            sum(discounted_cents) over (
                partition by event_id, valid_from
                order by discounted_cents desc, item_id
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as larger_items_cents
    from before_amount_off
),

final as (
    select
        event_id,
        item_id,
        valid_from,
        interval_amount_cents,
        cast(
            case
                when interval_amount_cents is null then null
                when subscription_amount_off_cents <= larger_items_cents then discounted_cents
                when subscription_amount_off_cents - larger_items_cents >= discounted_cents then 0
                else discounted_cents - (subscription_amount_off_cents - larger_items_cents)
            end as decimal(24, 6)
        ) as net_interval_amount_cents
    from larger_items_summed
)

select * from final
