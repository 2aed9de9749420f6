with

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

subscription_accounts as (
    select * from {{ ref('int_core__subscription_accounts') }}
),

customer_accounts as (
    select * from {{ ref('int_core__customer_accounts') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

final as (
    select
        -- keys
        invoices.invoice_id,
        -- money of a customer nobody knows is still money
        coalesce(
            subscription_accounts.account_id,
            customer_accounts.account_id,
            'acc_stripe_' || coalesce(invoices.customer_id, invoices.invoice_id)
        ) as account_id,
        invoices.customer_id,
        invoices.subscription_id,
        -- attributes
        invoices.invoice_status as status,
        invoices.billing_reason,
        invoices.collection_method,
        coalesce(invoices.is_paid_out_of_band, false) as is_paid_out_of_band,
        invoices.currency,
        -- measures
        coalesce(invoices.subtotal_cents, 0) as subtotal_cents,
        coalesce(invoices.discount_cents, 0) as discount_cents,
        coalesce(invoices.tax_cents, 0) as tax_cents,
        coalesce(invoices.total_cents, 0) as total_cents,
        coalesce(invoices.amount_due_cents, 0) as amount_due_cents,
        coalesce(invoices.amount_paid_cents, 0) as amount_paid_cents,
        coalesce(invoices.amount_remaining_cents, 0) as amount_remaining_cents,
        coalesce(invoices.count_attempts, 0) as attempt_count,
        -- times
        invoices.created_at,
        coalesce(invoices.finalized_at, invoices.created_at) as finalized_at,
        invoices.paid_at,
        case when invoices.invoice_status = 'void' then coalesce(invoices.voided_at, invoices.known_at) end as voided_at,
        case
            when invoices.invoice_status = 'uncollectible'
                then coalesce(invoices.marked_uncollectible_at, invoices.known_at)
            else invoices.marked_uncollectible_at
        end as marked_uncollectible_at,
        invoices.due_at,
        invoices.period_started_at as period_start_at,
        invoices.period_ended_at as period_end_at,
        invoices.next_payment_attempt_at,
        invoices.known_at
    from invoices
    cross join as_of
    left join subscription_accounts
        on invoices.subscription_id = subscription_accounts.subscription_id
    left join customer_accounts
        on invoices.customer_id = customer_accounts.customer_id
    where
        invoices.invoice_status <> 'draft'
        and not invoices.is_deleted
        and invoices.created_at < as_of.as_of_at
)

select * from final
