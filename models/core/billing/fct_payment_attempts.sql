with

invoices as (
    select * from {{ ref('fct_invoices') }}
),

charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

payment_intents as (
    select * from {{ ref('stg_stripe__payment_intents') }}
),

payment_failures as (
    select * from {{ ref('stg_stripe__payment_failures') }}
),

invoice_payments as (
    select * from {{ ref('stg_stripe__invoice_payments') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

invoices_of_payments as (
    -- a payment names its invoice, or the invoice its payment
    select
        payment_intent_id,
        min(invoice_id) as invoice_id
    from (
        select
            payment_intent_id,
            invoice_id
        from payment_intents
        where invoice_id is not null
        union all
        select
            payment_intent_id,
            invoice_id
        from invoice_payments
        where payment_intent_id is not null
    ) as named
    group by payment_intent_id
),

invoices_of_charges as (
    select
        charge_id,
        min(invoice_id) as invoice_id
    from invoice_payments
    where charge_id is not null
    group by charge_id
),

charges_of_invoices as (
    select
        charges.*,
        coalesce(
            charges.invoice_id, invoices_of_charges.invoice_id, invoices_of_payments.invoice_id
        ) as paid_invoice_id
    from charges
    left join invoices_of_charges
        on charges.charge_id = invoices_of_charges.charge_id
    left join invoices_of_payments
        on charges.payment_intent_id = invoices_of_payments.payment_intent_id
    -- pending is neither yet
    where charges.charge_status in ('failed', 'succeeded')
),

failures_of_invoices as (
    select
        payment_failures.*,
        coalesce(payment_failures.invoice_id, invoices_of_payments.invoice_id) as unpaid_invoice_id
    from payment_failures
    left join invoices_of_payments
        on payment_failures.payment_intent_id = invoices_of_payments.payment_intent_id
),

tellings as (
    -- one attempt may be told of up to three times; the charge tells most
    select
        paid_invoice_id as invoice_id,
        charge_id as telling_id,
        1 as telling_rank,
        charge_id,
        payment_intent_id,
        charge_status = 'succeeded' as is_successful,
        failure_reason,
        payment_method_type,
        amount_cents,
        amount_refunded_cents,
        case
            when charge_status = 'failed' then coalesce(failed_at, created_at)
            else coalesce(succeeded_at, created_at)
        end as attempted_at
    from charges_of_invoices

    union all

    select
        unpaid_invoice_id as invoice_id,
        event_id as telling_id,
        case when source = 'payment_intent' then 2 else 3 end as telling_rank,
        charge_id,
        payment_intent_id,
        false as is_successful,
        failure_reason,
        cast(null as varchar) as payment_method_type,
        amount_remaining_cents as amount_cents,
        cast(0 as bigint) as amount_refunded_cents,
        failed_at as attempted_at
    from failures_of_invoices
),

tellings_known as (
    select
        tellings.*,
        invoices.account_id,
        invoices.customer_id,
        invoices.subscription_id,
        invoices.currency
    from tellings
    inner join invoices
        on tellings.invoice_id = invoices.invoice_id
    cross join as_of
    where tellings.attempted_at < as_of.as_of_at
),

failures_told_better as (
    select distinct later.telling_id
    from tellings_known as later
    inner join tellings_known as better
        on
            later.invoice_id = better.invoice_id
            and later.telling_rank > better.telling_rank
            and not better.is_successful
            and (
                later.charge_id = better.charge_id
                or better.attempted_at between
                later.attempted_at - interval '{{ var("payment_attempt_match_minutes") }}' minute
                and later.attempted_at + interval '{{ var("payment_attempt_match_minutes") }}' minute
            )
    where not later.is_successful
),

reasons_of_payments as (
    -- what a payment says of its last failure, where no attempt says anything
    select
        invoices_of_payments.invoice_id,
        max(payment_intents.failure_reason) as failure_reason
    from payment_intents
    inner join invoices_of_payments
        on payment_intents.payment_intent_id = invoices_of_payments.payment_intent_id
    where payment_intents.failure_reason is not null
    group by invoices_of_payments.invoice_id
),

attempts_told as (
    select tellings_known.*
    from tellings_known
    left join failures_told_better
        on tellings_known.telling_id = failures_told_better.telling_id
    where failures_told_better.telling_id is null
),

invoices_with_success as (
    select distinct invoice_id
    from attempts_told
    where is_successful
),

attempts as (
    select
        attempts_told.invoice_id,
        telling_id,
        telling_rank,
        charge_id,
        payment_intent_id,
        account_id,
        customer_id,
        subscription_id,
        is_successful,
        coalesce(
            attempts_told.failure_reason,
            case
                when max(attempts_told.failure_reason) over (partition by attempts_told.invoice_id) is null
                    then reasons_of_payments.failure_reason
            end
        ) as failure_reason,
        payment_method_type,
        currency,
        amount_cents,
        amount_refunded_cents,
        attempted_at
    from attempts_told
    left join reasons_of_payments
        on attempts_told.invoice_id = reasons_of_payments.invoice_id

    union all

    -- paid, and nobody told with which charge
    select
        invoices.invoice_id,
        invoices.invoice_id || ':paid' as telling_id,
        4 as telling_rank,
        cast(null as varchar) as charge_id,
        cast(null as varchar) as payment_intent_id,
        invoices.account_id,
        invoices.customer_id,
        invoices.subscription_id,
        true as is_successful,
        cast(null as varchar) as failure_reason,
        cast(null as varchar) as payment_method_type,
        invoices.currency,
        invoices.amount_paid_cents as amount_cents,
        cast(0 as bigint) as amount_refunded_cents,
        invoices.paid_at as attempted_at
    from invoices
    cross join as_of
    left join invoices_with_success
        on invoices.invoice_id = invoices_with_success.invoice_id
    where
        invoices.status = 'paid'
        and invoices.amount_paid_cents > 0
        and not invoices.is_paid_out_of_band
        and invoices.paid_at < as_of.as_of_at
        and invoices_with_success.invoice_id is null
),

final as (
    select
        -- keys
        telling_id as payment_attempt_id,
        invoice_id,
        account_id,
        customer_id,
        subscription_id,
        charge_id,
        payment_intent_id,
        -- attributes
        cast(
            row_number() over (
                partition by invoice_id order by attempted_at, is_successful, telling_id
            ) as integer
        ) as attempt_number,
        is_successful,
        case when not is_successful then coalesce(lower(trim(failure_reason)), 'unknown') end as failure_reason,
        payment_method_type,
        case telling_rank
            when 1 then 'charge'
            when 2 then 'payment_intent'
            else 'invoice'
        end as source,
        currency,
        -- measures
        amount_cents,
        amount_refunded_cents,
        -- times
        attempted_at
    from attempts
)

select * from final
