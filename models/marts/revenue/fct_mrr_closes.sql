with

close_log as (
    select * from {{ ref('int_revenue__mrr_close_log') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

items_closed as (
    select close_log.*
    from close_log
    cross join as_of
    where
        close_log.cause = 'closed'
        and close_log.item_key is not null
        -- as of a past day only what had been reported by then
        and close_log.recorded_at <= as_of.as_of_at
),

balances as (
    select
        account_id,
        month,
        currency,
        recorded_at,
        {{ round_money('sum(' ~ at_rate('mrr_native', 'rate') ~ ')') }} as reported_mrr,
        count(*) as count_items
    from items_closed
    group by 1, 2, 3, 4
),

final as (
    select
        -- keys
        account_id,
        month,
        -- attributes: closed later than the month after, its figure is what history said by then
        recorded_at >= cast({{ add_months_to('month', 2) }} as timestamp) as is_backfilled,
        -- measures
        cast(sum(reported_mrr) as decimal(18, 2)) as reported_mrr,
        cast(sum(count_items) as bigint) as count_items,
        -- times
        recorded_at as closed_at
    from balances
    group by account_id, month, recorded_at
)

select * from final
