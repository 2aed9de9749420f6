with

billed_lines as (
    select * from {{ ref('int_revenue__billed_lines') }}
    where source = 'invoice'
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

credit_notes as (
    select * from {{ ref('fct_credit_notes') }}
),

credit_note_lines as (
    select * from {{ ref('fct_credit_note_lines') }}
),

refunds as (
    select * from {{ ref('fct_invoice_refunds') }}
),

credited as (
    select
        invoice_line_id,
        sum(net_cents) as net_cents
    from credit_note_lines
    where voided_at is null
    group by invoice_line_id
),

lines_after_credits as (
    select
        billed_lines.invoice_id,
        billed_lines.invoice_line_id,
        billed_lines.line_position,
        cast(billed_lines.net_cents - coalesce(credited.net_cents, 0) as bigint) as net_amount_cents
    from billed_lines
    left join credited
        on billed_lines.invoice_line_id = credited.invoice_line_id
),

lines_accumulated as (
    {{ lines_accumulated('lines_after_credits') }}
),

invoice_totals as (
    select
        invoice_id,
        greatest(sum(net_amount_cents), 0) as refundable_cents
    from lines_after_credits
    group by invoice_id
),

refunds_net as (
    -- without the tax in them; of refunds and credit notes nobody linked, no more than there is
    select
        refunds.refund_id,
        refunds.invoice_id,
        refunds.refunded_at,
        invoice_totals.refundable_cents,
        case
            when invoices.total_cents > 0
                then {{ money_share(
                    'refunds.amount_cents', '(invoices.total_cents - invoices.tax_cents)', 'invoices.total_cents'
                ) }}
            else refunds.amount_cents
        end as net_cents
    from refunds
    inner join invoices
        on refunds.invoice_id = invoices.invoice_id
    inner join invoice_totals
        on refunds.invoice_id = invoice_totals.invoice_id
    where refunds.credit_note_id is null
),

refunds_accumulated as (
    select
        *,
        sum(net_cents) over (
            partition by invoice_id
            order by refunded_at, refund_id
            rows between unbounded preceding and current row
        ) as net_so_far_cents
    from refunds_net
),

refunds_capped as (
    select
        refund_id,
        invoice_id,
        refunded_at,
        cast(
            least(net_so_far_cents, refundable_cents) - least(net_so_far_cents - net_cents, refundable_cents) as bigint
        ) as net_cents
    from refunds_accumulated
),

refunded_lines as (
    select
        refunds_capped.refund_id,
        refunds_capped.refunded_at,
        lines_accumulated.invoice_line_id,
        {{ shared_among_lines('refunds_capped.net_cents', 'lines_accumulated') }} as net_cents
    from refunds_capped
    inner join lines_accumulated
        on refunds_capped.invoice_id = lines_accumulated.invoice_id
    where refunds_capped.net_cents > 0
),

refunded as (
    select
        invoice_line_id,
        sum(net_cents) as net_cents
    from refunded_lines
    group by invoice_line_id
),

lines_left as (
    select
        lines_after_credits.invoice_id,
        lines_after_credits.invoice_line_id,
        cast(lines_after_credits.net_amount_cents - coalesce(refunded.net_cents, 0) as bigint) as net_cents
    from lines_after_credits
    left join refunded
        on lines_after_credits.invoice_line_id = refunded.invoice_line_id
),

credit_totals as (
    select
        invoice_id,
        sum(total_cents) as total_cents
    from credit_notes
    where voided_at is null
    group by invoice_id
),

written_off_invoices as (
    select
        invoices.invoice_id,
        cast(invoices.marked_uncollectible_at as date) as written_off_date,
        cast(invoices.total_cents - coalesce(credit_totals.total_cents, 0) as bigint) as owed_cents,
        invoices.amount_remaining_cents as unpaid_cents
    from invoices
    left join credit_totals
        on invoices.invoice_id = credit_totals.invoice_id
    where invoices.status = 'uncollectible'
),

reductions as (
    select
        invoice_line_id,
        'credit_note' as document_type,
        credit_note_id as document_id,
        cast(effective_at as date) as reduced_date,
        net_cents as reduced_cents,
        true as is_catch_up
    from credit_note_lines

    union all

    select
        invoice_line_id,
        'credit_note_void' as document_type,
        credit_note_id as document_id,
        cast(voided_at as date) as reduced_date,
        -net_cents as reduced_cents,
        true as is_catch_up
    from credit_note_lines
    where voided_at is not null

    union all

    select
        invoice_line_id,
        'refund' as document_type,
        refund_id as document_id,
        cast(refunded_at as date) as reduced_date,
        net_cents as reduced_cents,
        true as is_catch_up
    from refunded_lines

    union all

    select
        lines_left.invoice_line_id,
        'void' as document_type,
        invoices.invoice_id as document_id,
        cast(invoices.voided_at as date) as reduced_date,
        lines_left.net_cents as reduced_cents,
        true as is_catch_up
    from lines_left
    inner join invoices
        on lines_left.invoice_id = invoices.invoice_id
    where invoices.status = 'void'

    union all

    -- what was served stays revenue, and is lost as a bad debt
    select
        lines_left.invoice_line_id,
        'write_off' as document_type,
        lines_left.invoice_id as document_id,
        written_off_invoices.written_off_date as reduced_date,
        {{ money_share(
            'lines_left.net_cents',
            'least(written_off_invoices.unpaid_cents, written_off_invoices.owed_cents)',
            'greatest(written_off_invoices.owed_cents, 1)'
        ) }} as reduced_cents,
        false as is_catch_up
    from lines_left
    inner join written_off_invoices
        on lines_left.invoice_id = written_off_invoices.invoice_id
    where written_off_invoices.owed_cents > 0
),

reductions_of_lines as (
    select
        reductions.*,
        billed_lines.invoice_id,
        billed_lines.currency,
        billed_lines.rate,
        billed_lines.service_start_date,
        billed_lines.service_end_date,
        billed_lines.anchor_day,
        billed_lines.count_service_months,
        least(
            greatest(reductions.reduced_date, billed_lines.service_start_date), billed_lines.service_end_date
        ) as service_day,
        -- converted as a whole, so that a credit in parts leaves no cent
        sum(reductions.reduced_cents) over (
            partition by reductions.invoice_line_id
            order by reductions.reduced_date, reductions.document_type, reductions.document_id
            rows between unbounded preceding and current row
        ) as reduced_so_far_cents
    from reductions
    inner join billed_lines
        on reductions.invoice_line_id = billed_lines.invoice_line_id
    where reductions.reduced_cents <> 0
),

reductions_valued as (
    select
        *,
        {{ service_part('service_day', 'service_start_date', 'anchor_day', 'count_service_months') }} as elapsed_part,
        {{ service_whole(
            'service_day', 'service_start_date', 'service_end_date', 'anchor_day', 'count_service_months'
        ) }} as elapsed_whole,
        {{ reporting_cents('reduced_so_far_cents', 'currency', 'rate') }}
        - {{ reporting_cents('(reduced_so_far_cents - reduced_cents)', 'currency', 'rate') }} as reduced_reporting_cents
    from reductions_of_lines
),

elapsed_valued as (
    select
        *,
        {{ money_share('reduced_cents', 'elapsed_part', 'elapsed_whole') }} as elapsed_cents,
        {{ money_share('reduced_reporting_cents', 'elapsed_part', 'elapsed_whole') }} as elapsed_reporting_cents
    from reductions_valued
),

final as (
    select
        -- keys
        invoice_line_id,
        document_type,
        document_id,
        invoice_id,
        -- attributes
        is_catch_up,
        -- measures
        reduced_cents,
        reduced_reporting_cents,
        elapsed_cents,
        elapsed_reporting_cents,
        case when is_catch_up then reduced_cents else reduced_cents - elapsed_cents end as adjusted_cents,
        case
            when is_catch_up then reduced_reporting_cents
            else reduced_reporting_cents - elapsed_reporting_cents
        end as adjusted_reporting_cents,
        -- times
        reduced_date
    from elapsed_valued
)

select * from final
