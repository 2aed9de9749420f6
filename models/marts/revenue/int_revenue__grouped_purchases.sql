with

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

purchases as (
    select
        account_id,
        subscription_id,
        min(valid_from) as bought_at,
        cast(min(valid_from) as date) as bought_date
    from item_periods
    where mrr_cents > 0
    group by 1, 2
),

purchases_after_midnight as (
    select
        *,
        {{ minutes_before('bought_at', var('grouping_window_minutes')) }} as window_from
    from purchases
    where cast({{ minutes_before('bought_at', var('grouping_window_minutes')) }} as date) < bought_date
),

final as (
    select
        -- keys
        purchases_after_midnight.account_id,
        purchases_after_midnight.subscription_id,
        -- times
        purchases_after_midnight.bought_date as change_date,
        purchases_after_midnight.bought_at,
        min(purchases.bought_at) as first_bought_at
    from purchases_after_midnight
    inner join purchases
        on
            purchases_after_midnight.account_id = purchases.account_id
            and purchases_after_midnight.bought_date > purchases.bought_date
            and purchases_after_midnight.window_from <= purchases.bought_at
    group by 1, 2, 3, 4
)

select * from final
