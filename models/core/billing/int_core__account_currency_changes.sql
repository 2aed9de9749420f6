with

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

as_of as (
    select
        *,
        cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

deltas as (
    select
        account_id,
        currency,
        from_date as change_date,
        mrr_native as delta_native
    from mrr_day_spans

    union all

    select
        account_id,
        currency,
        to_date as change_date,
        -mrr_native as delta_native
    from mrr_day_spans
    where to_date is not null
),

days_netted as (
    select
        account_id,
        currency,
        change_date,
        cast(sum(delta_native) as decimal(18, 3)) as delta_native
    from deltas
    group by 1, 2, 3
    having sum(delta_native) <> 0
),

balances as (
    select
        account_id,
        currency,
        change_date,
        cast(
            sum(delta_native) over (
                partition by account_id, currency
                order by change_date
                rows between unbounded preceding and current row
            ) as decimal(18, 3)
        ) as native_after,
        delta_native,
        lead(change_date) over (partition by account_id, currency order by change_date) as next_change_date
    from days_netted
),

revaluation_days as (
    -- what is held in a foreign currency changes its value on the first of every month
    select
        balances.account_id,
        balances.currency,
        fx_rates.month as change_date,
        balances.native_after as native_before,
        balances.native_after
    from balances
    cross join as_of
    inner join fx_rates
        on
            balances.currency = fx_rates.currency
            and balances.change_date < fx_rates.month
            and as_of.last_date >= fx_rates.month
            and coalesce(balances.next_change_date > fx_rates.month, true)
    where
        balances.native_after <> 0
        and balances.currency <> as_of.reporting_currency
),

days as (
    select
        account_id,
        currency,
        change_date,
        cast(native_after - delta_native as decimal(18, 3)) as native_before,
        native_after
    from balances

    union all

    select
        account_id,
        currency,
        change_date,
        native_before,
        native_after
    from revaluation_days
),

days_with_rates as (
    select
        days.*,
        rates_today.rate as rate_after,
        coalesce(rates_yesterday.rate, rates_today.rate) as rate_before
    from days
    inner join fx_rates as rates_today
        on
            days.currency = rates_today.currency
            and {{ month_start('days.change_date') }} = rates_today.month
    left join fx_rates as rates_yesterday
        on
            days.currency = rates_yesterday.currency
            and {{ month_start(add_days('days.change_date', -1)) }} = rates_yesterday.month
),

valued as (
    select
        *,
        {{ round_money(at_rate('native_before', 'rate_before')) }} as mrr_before,
        {{ round_money(at_rate('native_before', 'rate_after')) }} as mrr_revalued,
        {{ round_money(at_rate('native_after', 'rate_after')) }} as mrr_after
    from days_with_rates
),

final as (
    select
        -- keys
        account_id,
        currency,
        change_date,
        -- measures
        native_before,
        native_after,
        rate_before,
        rate_after,
        mrr_before,
        cast(mrr_revalued - mrr_before as decimal(18, 2)) as fx_amount,
        cast(mrr_after - mrr_revalued as decimal(18, 2)) as change_amount,
        mrr_after
    from valued
    where
        mrr_revalued <> mrr_before
        or mrr_after <> mrr_revalued
)

select * from final
