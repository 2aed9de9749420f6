with

refunds as (
    select * from {{ ref('stg_stripe__refunds') }}
),

charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

payment_intents as (
    select * from {{ ref('stg_stripe__payment_intents') }}
),

staged_invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

credit_note_refunds as (
    select * from {{ ref('stg_stripe__credit_note_refunds') }}
),

credit_notes as (
    select * from {{ ref('stg_stripe__credit_notes') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

refunds_with_credit_note as (
    select
        credit_note_refunds.refund_id,
        min(credit_note_refunds.credit_note_id) as credit_note_id
    from credit_note_refunds
    inner join credit_notes
        on credit_note_refunds.credit_note_id = credit_notes.credit_note_id
    where credit_notes.credit_note_status is distinct from 'void'
    group by credit_note_refunds.refund_id
),

invoices_of_charges as (
    select
        charge_id,
        min(invoice_id) as invoice_id
    from staged_invoices
    where charge_id is not null
    group by charge_id
),

invoices_of_payments as (
    select
        payment_intent_id,
        min(invoice_id) as invoice_id
    from staged_invoices
    where payment_intent_id is not null
    group by payment_intent_id
),

final as (
    select
        -- keys
        refunds.refund_id,
        invoices.invoice_id,
        invoices.account_id,
        invoices.customer_id,
        refunds_with_credit_note.credit_note_id,
        -- attributes
        refunds.currency,
        refunds.reason,
        -- measures
        refunds.amount_cents,
        -- times
        refunds.created_at as refunded_at
    from refunds
    cross join as_of
    left join charges
        on refunds.charge_id = charges.charge_id
    left join payment_intents
        on coalesce(refunds.payment_intent_id, charges.payment_intent_id) = payment_intents.payment_intent_id
    left join invoices_of_charges
        on coalesce(refunds.charge_id, payment_intents.latest_charge_id) = invoices_of_charges.charge_id
    left join invoices_of_payments
        on
            coalesce(refunds.payment_intent_id, charges.payment_intent_id)
            = invoices_of_payments.payment_intent_id
    left join refunds_with_credit_note
        on refunds.refund_id = refunds_with_credit_note.refund_id
    inner join invoices
        on
            coalesce(
                charges.invoice_id,
                payment_intents.invoice_id,
                invoices_of_payments.invoice_id,
                invoices_of_charges.invoice_id
            ) = invoices.invoice_id
    where
        coalesce(refunds.refund_status, 'succeeded') not in ('failed', 'canceled')
        and refunds.amount_cents > 0
        and refunds.created_at < as_of.as_of_at
)

select * from final
