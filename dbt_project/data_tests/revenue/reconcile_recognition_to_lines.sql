-- Every line: what all its months recognise is its amount less what was credited, refunded,
-- voided or written off, to the minor unit, in both currencies.
with

billed_lines as (
    select * from {{ ref('int_revenue__billed_lines') }}
),

reduced as (
    select
        invoice_line_id,
        sum(adjusted_cents) as adjusted_cents,
        sum(adjusted_reporting_cents) as adjusted_reporting_cents
    from {{ ref('int_revenue__line_reductions') }}
    group by invoice_line_id
),

recognised as (
    select
        invoice_line_id,
        sum(recognised_cents) as recognised_cents,
        sum(recognised_amount) as recognised_amount
    from {{ ref('fct_recognition_months') }}
    group by invoice_line_id
)

select
    billed_lines.invoice_line_id,
    billed_lines.net_cents,
    reduced.adjusted_cents,
    recognised.recognised_cents,
    billed_lines.reporting_cents,
    reduced.adjusted_reporting_cents,
    recognised.recognised_amount
from billed_lines
left join reduced
    on billed_lines.invoice_line_id = reduced.invoice_line_id
left join recognised
    on billed_lines.invoice_line_id = recognised.invoice_line_id
where
    coalesce(recognised.recognised_cents, 0) <> billed_lines.net_cents - coalesce(reduced.adjusted_cents, 0)
    or (
        billed_lines.reporting_cents is not null
        and coalesce(recognised.recognised_amount, 0) * 100
        <> billed_lines.reporting_cents - coalesce(reduced.adjusted_reporting_cents, 0)
    )
