with

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

item_amounts as (
    select * from {{ ref('int_core__item_amounts') }}
),

item_period_amounts as (
    select * from {{ ref('int_core__item_period_amounts') }}
),

subscription_accounts as (
    select * from {{ ref('int_core__subscription_accounts') }}
),

billing_intervals as (
    select * from {{ ref('billing_intervals') }}
),

products as (
    select * from {{ ref('int_core__product_plans') }}
),

states as (
    select
        item_amounts.subscription_id,
        item_amounts.item_id,
        item_amounts.price_id,
        item_amounts.product_id,
        item_amounts.currency,
        item_amounts.billing_interval,
        item_amounts.interval_count,
        item_amounts.is_metered,
        item_amounts.quantity,
        item_amounts.unit_amount_cents,
        item_period_amounts.interval_amount_cents,
        item_period_amounts.net_interval_amount_cents,
        billing_intervals.intervals_per_year,
        subscription_periods.status,
        subscription_periods.counts_as_mrr,
        subscription_periods.is_trial,
        subscription_periods.is_churn_scheduled,
        subscription_periods.event_id,
        subscription_periods.known_at,
        subscription_periods.valid_from,
        subscription_periods.valid_to
    from subscription_periods
    inner join item_amounts
        on subscription_periods.event_id = item_amounts.event_id
    inner join item_period_amounts
        on
            subscription_periods.event_id = item_period_amounts.event_id
            and subscription_periods.valid_from = item_period_amounts.valid_from
            and item_amounts.item_id = item_period_amounts.item_id
    left join billing_intervals
        on item_amounts.billing_interval = billing_intervals.billing_interval
),

amounts_per_month as (
    -- The division is in floating point, yet exact where it matters: a half cent can only come
    -- from a whole numerator, and whole numbers below 2^53 and their halves have no error.
    select
        *,
        cast(
            round(
                cast(interval_amount_cents * intervals_per_year as double) / (12 * interval_count)
            ) as bigint
        ) as list_mrr_cents,
        case
            when not counts_as_mrr then cast(0 as bigint)
            when billing_interval is null then cast(0 as bigint)
            else
                cast(
                    round(
                        cast(net_interval_amount_cents * intervals_per_year as double) / (12 * interval_count)
                    ) as bigint
                )
        end as mrr_cents
    from states
),

changes_marked as (
    -- many events change nothing of the price, quantity, discount or status of an item
    select
        *,
        case
            when
                valid_from = lag(valid_to) over item_history
                and price_id is not distinct from lag(price_id) over item_history
                and quantity = lag(quantity) over item_history
                and list_mrr_cents is not distinct from lag(list_mrr_cents) over item_history
                and mrr_cents is not distinct from lag(mrr_cents) over item_history
                and status is not distinct from lag(status) over item_history
                and counts_as_mrr = lag(counts_as_mrr) over item_history
                and is_churn_scheduled = lag(is_churn_scheduled) over item_history
                then 0
            else 1
        end as is_change
    from amounts_per_month
    window item_history as (partition by subscription_id, item_id order by valid_from)
),

periods_numbered as (
    select
        *,
        sum(is_change) over (
            partition by subscription_id, item_id
            order by valid_from
            rows between unbounded preceding and current row
        ) as period_number
    from changes_marked
),

period_ends as (
    select
        subscription_id,
        item_id,
        period_number,
        case when count(valid_to) = count(*) then max(valid_to) end as period_valid_to
    from periods_numbered
    group by 1, 2, 3
),

final as (
    select
        -- keys
        subscription_accounts.account_id,
        subscription_accounts.customer_id,
        periods_numbered.subscription_id,
        periods_numbered.item_id,
        periods_numbered.price_id,
        periods_numbered.product_id,
        products.plan_key,
        periods_numbered.event_id,
        -- attributes
        periods_numbered.status,
        periods_numbered.counts_as_mrr,
        periods_numbered.is_trial,
        periods_numbered.is_churn_scheduled,
        periods_numbered.is_metered,
        periods_numbered.billing_interval,
        cast(periods_numbered.interval_count as integer) as interval_count,
        periods_numbered.currency,
        -- measures
        periods_numbered.quantity,
        periods_numbered.unit_amount_cents,
        periods_numbered.list_mrr_cents,
        periods_numbered.mrr_cents,
        -- times
        periods_numbered.valid_from,
        period_ends.period_valid_to as valid_to,
        periods_numbered.known_at
    from periods_numbered
    inner join period_ends
        on
            periods_numbered.subscription_id = period_ends.subscription_id
            and periods_numbered.item_id = period_ends.item_id
            and periods_numbered.period_number = period_ends.period_number
    inner join subscription_accounts
        on periods_numbered.subscription_id = subscription_accounts.subscription_id
    left join products
        on periods_numbered.product_id = products.product_id
    where periods_numbered.is_change = 1
)

select * from final
