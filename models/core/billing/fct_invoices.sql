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

internal_accounts as (
    select * from {{ ref('int_core__internal_accounts') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

invoices_of_accounts as (
    -- money of a customer nobody knows is still money
    select
        invoices.*,
        coalesce(
            subscription_accounts.account_id,
            customer_accounts.account_id,
            'acc_stripe_' || coalesce(invoices.customer_id, invoices.invoice_id)
        ) as account_id
    from invoices
    left join subscription_accounts
        on invoices.subscription_id = subscription_accounts.subscription_id
    left join customer_accounts
        on invoices.customer_id = customer_accounts.customer_id
),

final as (
    select
        -- keys
        invoices_of_accounts.invoice_id,
        invoices_of_accounts.account_id,
        invoices_of_accounts.customer_id,
        invoices_of_accounts.subscription_id,
        -- attributes
        invoices_of_accounts.invoice_status as status,
        invoices_of_accounts.billing_reason,
        invoices_of_accounts.collection_method,
        coalesce(invoices_of_accounts.is_paid_out_of_band, false) as is_paid_out_of_band,
        invoices_of_accounts.currency,
        -- measures
        coalesce(invoices_of_accounts.subtotal_cents, 0) as subtotal_cents,
        coalesce(invoices_of_accounts.discount_cents, 0) as discount_cents,
        coalesce(invoices_of_accounts.tax_cents, 0) as tax_cents,
        coalesce(invoices_of_accounts.total_cents, 0) as total_cents,
        coalesce(invoices_of_accounts.amount_due_cents, 0) as amount_due_cents,
        coalesce(invoices_of_accounts.amount_paid_cents, 0) as amount_paid_cents,
        coalesce(invoices_of_accounts.amount_remaining_cents, 0) as amount_remaining_cents,
        coalesce(invoices_of_accounts.applied_balance_cents, 0) as applied_balance_cents,
        coalesce(invoices_of_accounts.count_attempts, 0) as attempt_count,
        -- times
        invoices_of_accounts.created_at,
        coalesce(invoices_of_accounts.finalized_at, invoices_of_accounts.created_at) as finalized_at,
        invoices_of_accounts.paid_at,
        case when invoices_of_accounts.invoice_status = 'void' then coalesce(invoices_of_accounts.voided_at, invoices_of_accounts.known_at) end as voided_at,
        case
            when invoices_of_accounts.invoice_status = 'uncollectible'
                then coalesce(invoices_of_accounts.marked_uncollectible_at, invoices_of_accounts.known_at)
            else invoices_of_accounts.marked_uncollectible_at
        end as marked_uncollectible_at,
        invoices_of_accounts.due_at,
        invoices_of_accounts.period_started_at as period_start_at,
        invoices_of_accounts.period_ended_at as period_end_at,
        invoices_of_accounts.next_payment_attempt_at,
        invoices_of_accounts.known_at
    from invoices_of_accounts
    cross join as_of
    left join internal_accounts
        on invoices_of_accounts.account_id = internal_accounts.account_id
    where
        internal_accounts.account_id is null
        and invoices_of_accounts.invoice_status <> 'draft'
        and not invoices_of_accounts.is_deleted
        and invoices_of_accounts.created_at < as_of.as_of_at
)

select * from final
