with

account_currency_changes as (
    select * from {{ ref('int_core__account_currency_changes') }}
),

days_netted as (
    select
        account_id,
        change_date,
        cast(sum(fx_amount) as decimal(18, 2)) as fx_amount,
        cast(sum(change_amount) as decimal(18, 2)) as change_amount
    from account_currency_changes
    group by 1, 2
),

balances as (
    select
        *,
        cast(
            sum(fx_amount + change_amount) over (
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
        cast(mrr_after - change_amount as decimal(18, 2)) as mrr_before_change,
        coalesce(
            max(mrr_after) over (
                partition by account_id
                order by change_date
                rows between unbounded preceding and 1 preceding
            ) > 0, false
        ) as has_paid_before
    from balances
),

final as (
    select
        -- keys
        account_id,
        change_date,
        -- attributes
        case
            when change_amount = 0 then null
            -- a return is tested before an expansion: from nothing there is nothing to expand
            when mrr_before_change <= 0 and has_paid_before then 'reactivation'
            when mrr_before_change <= 0 then 'new'
            when mrr_after <= 0 then 'churn'
            when change_amount > 0 then 'expansion'
            else 'contraction'
        end as movement_type,
        -- measures
        cast(mrr_before_change - fx_amount as decimal(18, 2)) as mrr_before,
        fx_amount,
        change_amount,
        mrr_after
    from history
)

select * from final
