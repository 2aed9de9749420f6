with

billed_lines as (
    select * from {{ ref('int_revenue__billed_lines') }}
    where is_billed
),

line_reductions as (
    select * from {{ ref('int_revenue__line_reductions') }}
),

recognition_schedules as (
    select * from {{ ref('int_revenue__recognition_schedules') }}
),

as_of as (
    select
        cast(as_of_at - interval '1' microsecond as date) as last_date,
        {{ month_start("as_of_at - interval '1' microsecond") }} as current_month
    from {{ ref('dim_as_of') }}
),

activity as (
    select
        invoice_id,
        {{ month_start('billed_date') }} as month,
        net_cents as billed_cents,
        cast(0 as bigint) as adjusted_cents,
        cast(0 as bigint) as recognised_cents,
        reporting_cents as billed_reporting_cents,
        cast(0 as bigint) as adjusted_reporting_cents,
        cast(0 as bigint) as recognised_reporting_cents
    from billed_lines

    union all

    select
        line_reductions.invoice_id,
        {{ month_start('line_reductions.reduced_date') }} as month,
        0 as billed_cents,
        -line_reductions.adjusted_cents as adjusted_cents,
        0 as recognised_cents,
        0 as billed_reporting_cents,
        -line_reductions.adjusted_reporting_cents as adjusted_reporting_cents,
        0 as recognised_reporting_cents
    from line_reductions
    cross join as_of
    where line_reductions.reduced_date <= as_of.last_date

    union all

    select
        billed_lines.invoice_id,
        recognition_schedules.month,
        0 as billed_cents,
        0 as adjusted_cents,
        recognition_schedules.to_date_cents as recognised_cents,
        0 as billed_reporting_cents,
        0 as adjusted_reporting_cents,
        recognition_schedules.to_date_reporting_cents as recognised_reporting_cents
    from recognition_schedules
    inner join billed_lines
        on recognition_schedules.invoice_line_id = billed_lines.invoice_line_id
    cross join as_of
    where recognition_schedules.month <= as_of.current_month
),

months_summed as (
    select
        invoice_id,
        month,
        cast(sum(billed_cents) as bigint) as billed_cents,
        cast(sum(adjusted_cents) as bigint) as adjusted_cents,
        cast(sum(recognised_cents) as bigint) as recognised_cents,
        cast(coalesce(sum(billed_reporting_cents), 0) as bigint) as billed_reporting_cents,
        cast(coalesce(sum(adjusted_reporting_cents), 0) as bigint) as adjusted_reporting_cents,
        cast(coalesce(sum(recognised_reporting_cents), 0) as bigint) as recognised_reporting_cents
    from activity
    group by 1, 2
),

invoices as (
    select
        invoice_id,
        min(account_id) as account_id,
        min(currency) as currency,
        min(source) as source
    from billed_lines
    group by invoice_id
),

balances as (
    select
        *,
        cast(
            sum(billed_cents + adjusted_cents - recognised_cents) over invoice_history as bigint
        ) as closing_cents,
        cast(
            sum(billed_reporting_cents + adjusted_reporting_cents - recognised_reporting_cents) over invoice_history
            as bigint
        ) as closing_reporting_cents,
        lead(month) over (partition by invoice_id order by month) as next_active_month
    from months_summed
    window invoice_history as (
        partition by invoice_id order by month rows between unbounded preceding and current row
    )
),

months_filled as (
    -- billed long before the service begins: the balance stands still, and is there every month
    select
        balances.*,
        {{ month_spine(
            'balances.month',
            'case
                when balances.closing_cents = 0 and balances.closing_reporting_cents = 0 then balances.month
                when balances.next_active_month is null then as_of.current_month
                else cast(' ~ add_months_to('balances.next_active_month', -1) ~ ' as date)
            end'
        ) }} as balance_month
    from balances
    cross join as_of
),

balances_by_month as (
    select
        invoice_id,
        balance_month as month,
        case when balance_month = month then billed_cents else 0 end as billed_cents,
        case when balance_month = month then adjusted_cents else 0 end as adjusted_cents,
        case when balance_month = month then recognised_cents else 0 end as recognised_cents,
        case when balance_month = month then billed_reporting_cents else 0 end as billed_reporting_cents,
        case when balance_month = month then adjusted_reporting_cents else 0 end as adjusted_reporting_cents,
        case when balance_month = month then recognised_reporting_cents else 0 end as recognised_reporting_cents,
        closing_cents,
        closing_reporting_cents
    from months_filled
),

final as (
    select
        -- keys
        balances_by_month.invoice_id,
        balances_by_month.month,
        invoices.account_id,
        -- attributes
        invoices.source,
        invoices.currency,
        -- measures
        {{ from_cents(
            'closing_reporting_cents - billed_reporting_cents - adjusted_reporting_cents + recognised_reporting_cents'
        ) }} as opening_balance,
        {{ from_cents('billed_reporting_cents') }} as billed_amount,
        {{ from_cents('recognised_reporting_cents') }} as recognised_amount,
        {{ from_cents('adjusted_reporting_cents') }} as adjusted_amount,
        {{ from_cents('closing_reporting_cents') }} as closing_balance,
        closing_cents - billed_cents - adjusted_cents + recognised_cents as opening_cents,
        billed_cents,
        recognised_cents,
        adjusted_cents,
        closing_cents
    from balances_by_month
    inner join invoices
        on balances_by_month.invoice_id = invoices.invoice_id
)

select * from final
