with

invoice_lines as (
    select * from {{ ref('fct_invoice_lines') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

instalments as (
    select * from {{ ref('int_revenue__contract_instalments') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

as_of as (
    select
        *,
        -- the day that is under way, or just over where now is midnight
        cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

rate_months as (
    select
        min(month) as first_month,
        max(month) as last_month
    from fx_rates
),

lines_gathered as (
    select
        invoice_lines.invoice_line_id,
        invoice_lines.invoice_id,
        invoice_lines.account_id,
        invoice_lines.customer_id,
        invoice_lines.plan_key,
        'invoice' as source,
        invoice_lines.line_type,
        invoice_lines.line_position,
        -- ISO 4217: no currency
        coalesce(invoice_lines.currency, 'XXX') as currency,
        invoice_lines.net_amount_cents as net_cents,
        cast(invoices.finalized_at as date) as billed_date,
        cast(invoice_lines.service_start_at as date) as service_start_date,
        cast(invoice_lines.service_end_at as date) as service_end_date
    from invoice_lines
    inner join invoices
        on invoice_lines.invoice_id = invoices.invoice_id

    union all

    select
        instalment_id as invoice_line_id,
        instalment_id as invoice_id,
        account_id,
        cast(null as varchar) as customer_id,
        plan_key,
        'contract' as source,
        'contract' as line_type,
        cast(1 as bigint) as line_position,
        currency,
        amount_cents as net_cents,
        service_start_date as billed_date,
        service_start_date,
        service_end_date
    from instalments
),

periods_given_length as (
    -- what has no length is served on its first day
    select
        *,
        greatest(service_end_date, {{ add_days('service_start_date', 1) }}) as service_to_date
    from lines_gathered
),

final as (
    select
        -- keys
        periods_given_length.invoice_line_id,
        periods_given_length.invoice_id,
        periods_given_length.account_id,
        periods_given_length.customer_id,
        periods_given_length.plan_key,
        -- attributes
        periods_given_length.source,
        periods_given_length.line_type,
        periods_given_length.line_position,
        periods_given_length.currency,
        periods_given_length.billed_date <= as_of.last_date as is_billed,
        -- measures
        periods_given_length.net_cents,
        case
            when periods_given_length.currency = as_of.reporting_currency then cast(1 as decimal(18, 8))
            else fx_rates.rate
        end as rate,
        {{ reporting_cents(
            'periods_given_length.net_cents',
            'periods_given_length.currency',
            'case when periods_given_length.currency = as_of.reporting_currency then cast(1 as decimal(18, 8)) else fx_rates.rate end'
        ) }} as reporting_cents,
        -- times
        periods_given_length.billed_date,
        periods_given_length.service_start_date,
        periods_given_length.service_to_date as service_end_date,
        {{ service_anchor_day('periods_given_length.service_start_date', 'periods_given_length.service_to_date') }}
            as anchor_day,
        {{ service_months('periods_given_length.service_start_date', 'periods_given_length.service_to_date') }}
            as count_service_months
    from periods_given_length
    cross join as_of
    cross join rate_months
    left join fx_rates
        on
            periods_given_length.currency = fx_rates.currency
            -- deferred revenue is no monetary item: it keeps the rate of the month it was billed in
            and fx_rates.month = greatest(
                least({{ month_start('periods_given_length.billed_date') }}, rate_months.last_month), rate_months.first_month
            )
)

select * from final
