with

object_states as (
    select * from {{ ref('base_stripe__object_states') }}
),

invoices as (
    select
        object_id as invoice_id,
        {{ json_struct('object', stripe_invoice_payments_shape()) }} as invoice
    from object_states
    where object_type = 'invoice'
),

payments_of_invoices as (
    -- API versions since 2025 list an invoice's payments, where they are asked for
    select
        invoice_id,
        {{ json_array_explode('invoice.payments.data') }}
    from invoices
),

payments_alone as (
    -- and have an object of its own for each
    select {{ json_struct('object', stripe_invoice_payment_shape()) }} as invoice_payment
    from object_states
    where object_type = 'invoice_payment'
),

gathered as (
    select
        invoice_id,
        {{ stripe_id('invoice.payment_intent') }} as payment_intent_id,
        {{ stripe_id('invoice.charge') }} as charge_id
    from invoices

    union

    select
        invoice_id,
        {{ stripe_id('element.payment.payment_intent') }} as payment_intent_id,
        {{ stripe_id('element.payment.charge') }} as charge_id
    from payments_of_invoices

    union

    select
        {{ stripe_id('invoice_payment.invoice') }} as invoice_id,
        {{ stripe_id('invoice_payment.payment.payment_intent') }} as payment_intent_id,
        {{ stripe_id('invoice_payment.payment.charge') }} as charge_id
    from payments_alone
),

final as (
    select
        invoice_id,
        payment_intent_id,
        charge_id
    from gathered
    where
        invoice_id is not null
        and (payment_intent_id is not null or charge_id is not null)
)

select * from final
