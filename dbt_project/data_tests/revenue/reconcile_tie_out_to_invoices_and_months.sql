-- The tie-out leaves nothing out on either side: its classes add up to the difference of every
-- account and month, its MRR is that of the months, and its invoices are all there are.
with

tie_out as (
    select * from {{ ref('rpt_invoice_tie_out') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

invoices as (
    select
        *,
        {{ month_start('finalized_at') }} as month
    from {{ ref('fct_invoices') }}
    where status <> 'void'
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

months_tied as (
    select distinct month from tie_out
),

classes_apart as (
    select
        'classes do not add up' as finding,
        account_id,
        month
    from tie_out
    where
        difference <> invoiced_amount - mrr
        or difference <> contract_amount + void_amount + pause_amount + timing_amount + proration_amount + one_time_amount + usage_amount
        + discount_once_amount + tax_amount + rounding_amount + unexplained_amount
),

mrr_gathered as (
    select
        account_id,
        month,
        mrr
    from tie_out

    union all

    select
        mrr_months.account_id,
        mrr_months.month,
        -mrr_months.closing_mrr as mrr
    from mrr_months
    inner join months_tied
        on mrr_months.month = months_tied.month
),

mrr_apart as (
    select
        'MRR is not that of the month' as finding,
        account_id,
        month
    from mrr_gathered
    group by 2, 3
    having sum(mrr) <> 0
),

invoiced as (
    select
        invoices.account_id,
        invoices.month,
        {{ round_money(at_rate(
            'cast(sum(invoices.total_cents) as decimal(18, 0)) / coalesce(max(minor_units.minor_units), 100)',
            'fx_rates.rate'
        )) }} as amount
    from invoices
    inner join months_tied
        on invoices.month = months_tied.month
    inner join fx_rates
        on
            invoices.currency = fx_rates.currency
            and invoices.month = fx_rates.month
    left join minor_units
        on invoices.currency = minor_units.currency
    group by invoices.account_id, invoices.month, invoices.currency, fx_rates.rate
),

invoiced_gathered as (
    select
        account_id,
        month,
        invoiced_amount as amount
    from tie_out

    union all

    select
        account_id,
        month,
        -amount as amount
    from invoiced
),

invoices_apart as (
    select
        'invoices are missing' as finding,
        account_id,
        month
    from invoiced_gathered
    group by 2, 3
    having sum(amount) <> 0
)

select * from classes_apart
union all
select * from mrr_apart
union all
select * from invoices_apart
