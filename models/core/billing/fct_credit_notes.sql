with

credit_notes as (
    select * from {{ ref('stg_stripe__credit_notes') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

final as (
    select
        -- keys
        credit_notes.credit_note_id,
        credit_notes.invoice_id,
        invoices.account_id,
        invoices.customer_id,
        -- attributes
        coalesce(credit_notes.credit_note_status, 'issued') as status,
        credit_notes.credit_note_type,
        credit_notes.reason,
        coalesce(credit_notes.currency, invoices.currency) as currency,
        -- measures
        coalesce(credit_notes.net_cents, credit_notes.total_cents) as net_cents,
        credit_notes.total_cents - coalesce(credit_notes.net_cents, credit_notes.total_cents) as tax_cents,
        credit_notes.total_cents,
        -- times
        coalesce(credit_notes.effective_at, credit_notes.created_at) as effective_at,
        case
            when credit_notes.credit_note_status = 'void'
                then coalesce(credit_notes.voided_at, credit_notes.effective_at, credit_notes.created_at)
        end as voided_at
    from credit_notes
    cross join as_of
    inner join invoices
        on credit_notes.invoice_id = invoices.invoice_id
    where
        credit_notes.total_cents is not null
        and credit_notes.created_at < as_of.as_of_at
)

select * from final
