with

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

periods_by_month as (
    select
        item_periods.account_id,
        item_periods.currency,
        item_periods.list_mrr_cents,
        item_periods.mrr_cents,
        item_periods.valid_to,
        {{ month_spine(
            month_start('item_periods.valid_from'),
            month_start("coalesce(item_periods.valid_to, as_of.as_of_at) - interval '1' microsecond")
        ) }} as month
    from item_periods
    cross join as_of
    where
        item_periods.counts_as_mrr
        and not item_periods.is_metered
        and item_periods.mrr_cents is not null
        and item_periods.list_mrr_cents > 0
),

periods_at_close as (
    -- what held when the month closed, or holds now
    select *
    from periods_by_month
    where coalesce(valid_to >= {{ add_months_to('month', 1) }}, true)
),

account_months as (
    select
        periods_at_close.account_id,
        periods_at_close.month,
        sum(
            {{ round_money(at_rate(
                'cast(periods_at_close.list_mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100)', 'fx_rates.rate'
            )) }}
        ) as list_mrr,
        sum(
            {{ round_money(at_rate(
                'cast(periods_at_close.mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100)', 'fx_rates.rate'
            )) }}
        ) as mrr,
        max(case when periods_at_close.mrr_cents < periods_at_close.list_mrr_cents then 1 else 0 end) = 1 as is_discounted
    from periods_at_close
    inner join fx_rates
        on
            periods_at_close.currency = fx_rates.currency
            and periods_at_close.month = fx_rates.month
    left join minor_units
        on periods_at_close.currency = minor_units.currency
    group by 1, 2
),

account_months_followed as (
    -- who moved to a contract has not left
    select
        account_months.account_id,
        account_months.is_discounted,
        mrr_months.month as following_month,
        mrr_months.closing_mrr > 0 as is_there
    from account_months
    inner join mrr_months
        on
            account_months.account_id = mrr_months.account_id
            and {{ month_start(add_months_to('account_months.month', 1)) }} = mrr_months.month
    where account_months.mrr > 0
),

at_close as (
    select
        month,
        count(case when mrr > 0 then 1 end) as paying_accounts,
        count(case when is_discounted and mrr > 0 then 1 end) as discounted_accounts,
        sum(mrr) as mrr,
        sum(case when is_discounted then mrr else 0 end) as discounted_mrr,
        sum(case when is_discounted then list_mrr else 0 end) as discounted_list_mrr,
        sum(list_mrr) as list_mrr
    from account_months
    group by month
),

starts as (
    -- who paid at the end of the month before, and who of them has no revenue left at the end of this one
    select
        following_month as month,
        count(case when is_discounted then 1 end) as discounted_accounts_start,
        count(case when is_discounted and not is_there then 1 end) as discounted_accounts_churned,
        count(case when not is_discounted then 1 end) as undiscounted_accounts_start,
        count(case when not is_discounted and not is_there then 1 end) as undiscounted_accounts_churned
    from account_months_followed
    group by following_month
),

months as (
    select month from at_close
    union
    select starts.month
    from starts
    cross join as_of
    where starts.month < as_of.as_of_at
),

final as (
    select
        -- keys
        months.month,
        -- attributes
        {{ add_months_to('months.month', 1) }} <= as_of.as_of_at as is_complete,
        -- measures
        coalesce(at_close.paying_accounts, 0) as paying_accounts,
        coalesce(at_close.discounted_accounts, 0) as discounted_accounts,
        case
            when at_close.paying_accounts > 0
                then cast(at_close.discounted_accounts as double) / at_close.paying_accounts
        end as discounted_accounts_share,
        cast(coalesce(at_close.mrr, 0) as decimal(18, 2)) as mrr,
        cast(coalesce(at_close.discounted_mrr, 0) as decimal(18, 2)) as discounted_mrr,
        case
            when at_close.mrr > 0 then cast(at_close.discounted_mrr as double) / cast(at_close.mrr as double)
        end as discounted_mrr_share,
        cast(coalesce(at_close.discounted_list_mrr, 0) as decimal(18, 2)) as discounted_list_mrr,
        cast(coalesce(at_close.discounted_list_mrr - at_close.discounted_mrr, 0) as decimal(18, 2)) as discount_mrr,
        case
            when at_close.discounted_list_mrr > 0
                then
                    cast(at_close.discounted_list_mrr - at_close.discounted_mrr as double)
                    / cast(at_close.discounted_list_mrr as double)
        end as discount_depth,
        coalesce(starts.discounted_accounts_start, 0) as discounted_accounts_start,
        coalesce(starts.discounted_accounts_churned, 0) as discounted_accounts_churned,
        case
            when starts.discounted_accounts_start > 0
                then cast(starts.discounted_accounts_churned as double) / starts.discounted_accounts_start
        end as discounted_churn_rate,
        coalesce(starts.undiscounted_accounts_start, 0) as undiscounted_accounts_start,
        coalesce(starts.undiscounted_accounts_churned, 0) as undiscounted_accounts_churned,
        case
            when starts.undiscounted_accounts_start > 0
                then cast(starts.undiscounted_accounts_churned as double) / starts.undiscounted_accounts_start
        end as undiscounted_churn_rate
    from months
    cross join as_of
    left join at_close
        on months.month = at_close.month
    left join starts
        on months.month = starts.month
)

select * from final
