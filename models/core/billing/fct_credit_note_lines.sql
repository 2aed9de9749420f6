with

credit_notes as (
    select * from {{ ref('fct_credit_notes') }}
),

credit_note_lines as (
    select * from {{ ref('stg_stripe__credit_note_lines') }}
),

invoice_lines as (
    select * from {{ ref('fct_invoice_lines') }}
),

named_lines as (
    select
        credit_notes.credit_note_id,
        invoice_lines.invoice_line_id,
        cast(sum(credit_note_lines.net_cents) as bigint) as net_cents
    from credit_note_lines
    inner join credit_notes
        on credit_note_lines.credit_note_id = credit_notes.credit_note_id
    inner join invoice_lines
        on
            credit_notes.invoice_id = invoice_lines.invoice_id
            and credit_note_lines.invoice_line_id = invoice_lines.invoice_line_id
    group by 1, 2
),

named_totals as (
    select
        credit_note_id,
        sum(net_cents) as net_cents
    from named_lines
    group by credit_note_id
),

-- what names no line (a custom amount, or lines a note does not list) is shared among all lines
rests as (
    select
        credit_notes.credit_note_id,
        credit_notes.invoice_id,
        cast(credit_notes.net_cents - coalesce(named_totals.net_cents, 0) as bigint) as net_cents
    from credit_notes
    left join named_totals
        on credit_notes.credit_note_id = named_totals.credit_note_id
    where credit_notes.net_cents <> coalesce(named_totals.net_cents, 0)
),

lines_accumulated as (
    {{ lines_accumulated('invoice_lines') }}
),

rests_shared as (
    select
        rests.credit_note_id,
        lines_accumulated.invoice_line_id,
        {{ shared_among_lines('rests.net_cents', 'lines_accumulated') }} as net_cents
    from rests
    inner join lines_accumulated
        on rests.invoice_id = lines_accumulated.invoice_id
),

gathered as (
    select
        credit_note_id,
        invoice_line_id,
        net_cents
    from named_lines

    union all

    select
        credit_note_id,
        invoice_line_id,
        net_cents
    from rests_shared
),

final as (
    select
        -- keys
        gathered.credit_note_id,
        gathered.invoice_line_id,
        credit_notes.invoice_id,
        credit_notes.account_id,
        -- measures
        cast(sum(gathered.net_cents) as bigint) as net_cents,
        -- times
        credit_notes.effective_at,
        credit_notes.voided_at
    from gathered
    inner join credit_notes
        on gathered.credit_note_id = credit_notes.credit_note_id
    group by 1, 2, 3, 4, 6, 7
    having sum(gathered.net_cents) <> 0
)

select * from final
