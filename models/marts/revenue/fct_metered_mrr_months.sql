{#- How many months' billed usage the average is taken of. -#}
{%- set trail = var('metered_trail_months') -%}

with

invoices as (
    select * from {{ ref('fct_invoices') }}
    where status <> 'void'
),

invoice_lines as (
    select * from {{ ref('fct_invoice_lines') }}
    where line_type = 'metered'
),

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
    where is_metered
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

as_of as (
    select
        {{ month_start("as_of_at - interval '1' microsecond") }} as month_under_way,
        as_of_at
    from {{ ref('dim_as_of') }}
),

lines_billed as (
    -- a bill for several months counts for as many, from the month it was written in
    select
        invoice_lines.account_id,
        invoice_lines.currency,
        invoice_lines.net_amount_cents,
        {{ month_start('invoices.finalized_at') }} as billed_month,
        greatest(
            {{ calendar_months('invoice_lines.service_start_at', 'invoice_lines.service_end_at') }}, 1
        ) as count_months
    from invoice_lines
    inner join invoices
        on invoice_lines.invoice_id = invoices.invoice_id
    cross join as_of
    where invoices.finalized_at < as_of.as_of_at
),

lines_by_month as (
    select
        *,
        {{ month_spine('billed_month', add_months_to('billed_month', 'count_months - 1')) }} as month
    from lines_billed
),

shares as (
    -- differences of rising shares: they add up to what was billed
    select
        account_id,
        currency,
        month,
        {{ money_share('net_amount_cents', '(' ~ calendar_months('billed_month', 'month') ~ ' + 1)', 'count_months') }}
        - {{ money_share('net_amount_cents', calendar_months('billed_month', 'month'), 'count_months') }} as usage_cents
    from lines_by_month
),

usage_by_month as (
    select
        shares.account_id,
        shares.month,
        sum({{ round_money(stripe_amount('shares.usage_cents', 'shares.currency') ~ ' * fx_rates.rate') }}) as billed_usage
    from shares
    inner join fx_rates
        on
            shares.currency = fx_rates.currency
            and shares.month = fx_rates.month
    group by 1, 2
),

accounts as (
    select
        account_id,
        min(month) as first_month
    from usage_by_month
    group by account_id
),

account_months as (
    select
        accounts.account_id,
        {{ month_spine('accounts.first_month', 'as_of.month_under_way') }} as month
    from accounts
    cross join as_of
),

trails as (
    select
        account_months.account_id,
        account_months.month,
        coalesce(usage_by_month.billed_usage, 0) as billed_usage,
        count(*) over trail as count_trail_months,
        sum(coalesce(usage_by_month.billed_usage, 0)) over trail as trail_usage
    from account_months
    left join usage_by_month
        on
            account_months.account_id = usage_by_month.account_id
            and account_months.month = usage_by_month.month
    window trail as (
        partition by account_months.account_id
        order by account_months.month
        rows between {{ trail - 1 }} preceding and current row
    )
),

averages as (
    select
        *,
        {{ from_cents(money_share('cast(trail_usage * 100 as bigint)', '1', 'count_trail_months')) }} as average_usage
    from trails
),

metered_accounts as (
    select distinct account_id from item_periods
),

months_served as (
    -- an account has metered revenue as long as it has a metered item that counts
    select distinct
        account_months.account_id,
        account_months.month
    from account_months
    inner join item_periods
        on account_months.account_id = item_periods.account_id
    cross join as_of
    where
        item_periods.counts_as_mrr
        and item_periods.valid_from < {{ add_months_to('account_months.month', 1) }}
        and coalesce(
            item_periods.valid_to >= least({{ add_months_to('account_months.month', 1) }}, as_of.as_of_at), true
        )
),

final as (
    select
        -- keys
        averages.account_id,
        averages.month,
        -- measures
        cast(averages.count_trail_months as bigint) as count_trail_months,
        cast(averages.billed_usage as decimal(18, 2)) as billed_usage,
        cast(
            case
                when metered_accounts.account_id is not null and months_served.account_id is null then 0
                -- the month under way is not billed yet: it has the average of the month before
                when averages.month = as_of.month_under_way and as_of.as_of_at < {{ add_months_to('averages.month', 1) }}
                    then
                        coalesce(
                            lag(averages.average_usage) over (partition by averages.account_id order by averages.month),
                            averages.average_usage
                        )
                else averages.average_usage
            end as decimal(18, 2)
        ) as metered_mrr
    from averages
    cross join as_of
    left join metered_accounts
        on averages.account_id = metered_accounts.account_id
    left join months_served
        on
            averages.account_id = months_served.account_id
            and averages.month = months_served.month
)

select * from final
