with

discounts as (
    select * from {{ ref('fct_discounts') }}
),

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

mrr_now as (
    select
        item_periods.subscription_id,
        item_periods.account_id,
        sum(
            {{ round_money(at_rate(
                'cast(item_periods.list_mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100)', 'fx_rates.rate'
            )) }}
        ) as list_mrr,
        sum(
            {{ round_money(at_rate(
                'cast(item_periods.mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100)', 'fx_rates.rate'
            )) }}
        ) as mrr
    from item_periods
    cross join as_of
    inner join fx_rates
        on
            item_periods.currency = fx_rates.currency
            and {{ month_start("as_of.as_of_at - interval '1' microsecond") }} = fx_rates.month
    left join minor_units
        on item_periods.currency = minor_units.currency
    where
        item_periods.valid_to is null
        and item_periods.counts_as_mrr
        and not item_periods.is_metered
        and item_periods.mrr_cents is not null
    group by 1, 2
),

accounts_now as (
    select account_id
    from mrr_now
    group by account_id
    having sum(mrr) > 0
),

coupon_subscriptions as (
    select
        coupon_id,
        account_id,
        subscription_id,
        max(coupon_name) as coupon_name,
        max(duration) as duration,
        max(percent_off) as percent_off,
        max(amount_off_cents) as amount_off_cents,
        max(currency) as currency,
        max(case when valid_to is null then 1 else 0 end) = 1 as is_running
    from discounts
    group by 1, 2, 3
),

final as (
    select
        -- keys
        coupon_subscriptions.coupon_id,
        -- attributes
        max(coupon_subscriptions.coupon_name) as coupon_name,
        max(coupon_subscriptions.duration) as duration,
        max(coupon_subscriptions.currency) as currency,
        -- measures
        max(coupon_subscriptions.percent_off) as percent_off,
        max(coupon_subscriptions.amount_off_cents) as amount_off_cents,
        count(distinct coupon_subscriptions.account_id) as count_accounts,
        count(distinct case when accounts_now.account_id is null then coupon_subscriptions.account_id end)
            as count_accounts_gone,
        cast(
            count(distinct case when accounts_now.account_id is null then coupon_subscriptions.account_id end) as double
        ) / count(distinct coupon_subscriptions.account_id) as gone_rate,
        count(case when coupon_subscriptions.is_running and mrr_now.mrr is not null then 1 end)
            as count_subscriptions_running,
        cast(
            sum(case when coupon_subscriptions.is_running then coalesce(mrr_now.list_mrr, 0) else 0 end) as decimal(18, 2)
        ) as list_mrr,
        cast(
            sum(case when coupon_subscriptions.is_running then coalesce(mrr_now.mrr, 0) else 0 end) as decimal(18, 2)
        ) as mrr
    from coupon_subscriptions
    left join mrr_now
        on coupon_subscriptions.subscription_id = mrr_now.subscription_id
    left join accounts_now
        on coupon_subscriptions.account_id = accounts_now.account_id
    group by coupon_subscriptions.coupon_id
)

select * from final
