-- The lines of an invoice sum to its total without tax. Where they do not, Stripe says two things
-- of one invoice; what is recognised is the lines.
{{ config(severity='warn') }}

with

lines_summed as (
    select
        invoice_id,
        sum(net_amount_cents) as net_amount_cents
    from {{ ref('fct_invoice_lines') }}
    group by invoice_id
)

select
    invoices.invoice_id,
    invoices.total_cents - invoices.tax_cents as expected_cents,
    lines_summed.net_amount_cents
from {{ ref('fct_invoices') }} as invoices
left join lines_summed
    on invoices.invoice_id = lines_summed.invoice_id
where invoices.total_cents - invoices.tax_cents <> coalesce(lines_summed.net_amount_cents, 0)
