with

account_currency_changes as (
    select * from {{ ref('int_core__account_currency_changes') }}
),

grouped_purchases as (
    select * from {{ ref('int_revenue__grouped_purchases') }}
),

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

days_netted as (
    select
        account_id,
        change_date,
        cast(sum(fx_amount) as decimal(18, 2)) as fx_amount,
        cast(sum(change_amount) as decimal(18, 2)) as net_amount
    from account_currency_changes
    group by 1, 2
),

balances as (
    select
        *,
        cast(
            sum(fx_amount + net_amount) over (
                partition by account_id
                order by change_date
                rows between unbounded preceding and current row
            ) as decimal(18, 2)
        ) as mrr_after
    from days_netted
),

history as (
    select
        *,
        -- the exchange rate moves first: what the customer did is valued at the day's rate
        cast(mrr_after - net_amount as decimal(18, 2)) as mrr_before_change,
        coalesce(
            max(mrr_after) over (
                partition by account_id
                order by change_date
                rows between unbounded preceding and 1 preceding
            ) > 0, false
        ) as has_paid_before
    from balances
),

named as (
    select
        *,
        case
            when net_amount = 0 then null
            -- a return is tested before an expansion: from nothing there is nothing to expand
            when mrr_before_change <= 0 and has_paid_before then 'reactivation'
            when mrr_before_change <= 0 then 'new'
            when mrr_after <= 0 then 'churn'
            when net_amount > 0 then 'expansion'
            else 'contraction'
        end as net_type
    from history
),

grouped_amounts as (
    -- bought within the grouping window, but after midnight
    select
        grouped_purchases.account_id,
        grouped_purchases.change_date,
        sum({{ round_money(at_rate('mrr_day_spans.mrr_native', 'fx_rates.rate')) }}) as grouped_amount
    from grouped_purchases
    inner join mrr_day_spans
        on
            grouped_purchases.account_id = mrr_day_spans.account_id
            and grouped_purchases.subscription_id = mrr_day_spans.subscription_id
            and grouped_purchases.change_date = mrr_day_spans.from_date
    inner join fx_rates
        on
            mrr_day_spans.currency = fx_rates.currency
            and {{ month_start('mrr_day_spans.from_date') }} = fx_rates.month
    group by 1, 2
),

continued as (
    -- what is bought together is new, or back, together: the second day continues the first
    select
        named.account_id,
        named.change_date,
        day_before.net_type as continued_type,
        cast(least(grouped_amounts.grouped_amount, named.net_amount) as decimal(18, 2)) as continued_amount
    from named
    inner join grouped_amounts
        on
            named.account_id = grouped_amounts.account_id
            and named.change_date = grouped_amounts.change_date
    inner join named as day_before
        on
            named.account_id = day_before.account_id
            and {{ add_days('named.change_date', -1) }} = day_before.change_date
    where
        named.net_type = 'expansion'
        and day_before.net_type in ('new', 'reactivation')
),

final as (
    select
        -- keys
        named.account_id,
        named.change_date,
        -- attributes
        case
            when coalesce(continued.continued_amount, 0) <> named.net_amount then named.net_type
        end as movement_type,
        continued.continued_type,
        -- measures
        cast(named.mrr_before_change - named.fx_amount as decimal(18, 2)) as mrr_before,
        named.fx_amount,
        cast(coalesce(continued.continued_amount, 0) as decimal(18, 2)) as continued_amount,
        cast(named.net_amount - coalesce(continued.continued_amount, 0) as decimal(18, 2)) as change_amount,
        named.mrr_after
    from named
    left join continued
        on
            named.account_id = continued.account_id
            and named.change_date = continued.change_date
)

select * from final
