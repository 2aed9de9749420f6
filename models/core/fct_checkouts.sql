with

checkout_sessions as (
    select * from {{ ref('stg_stripe__checkout_sessions') }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

subscription_accounts as (
    select * from {{ ref('int_core__subscription_accounts') }}
),

accounts as (
    select * from {{ ref('int_identity__accounts') }}
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

customer_accounts as (
    -- of a customer with subscriptions of several accounts, the account most of them are of
    select
        customer_id,
        account_id
    from subscription_accounts
    where customer_id is not null
    group by customer_id, account_id
    qualify row_number() over (partition by customer_id order by count(*) desc, account_id asc) = 1
),

final as (
    -- the account its subscription counts for; without one, what the product wrote on the session
    select
        -- keys
        checkout_sessions.checkout_session_id,
        coalesce(
            subscription_accounts.account_id,
            checkout_sessions.metadata_account_id,
            accounts.account_id,
            customers.metadata_account_id,
            customer_accounts.account_id,
            domain_accounts.account_id,
            'acc_stripe_' || checkout_sessions.customer_id
        ) as account_id,
        checkout_sessions.customer_id,
        checkout_sessions.subscription_id,
        checkout_sessions.invoice_id,
        -- attributes
        checkout_sessions.checkout_mode,
        checkout_sessions.checkout_status,
        checkout_sessions.payment_status,
        coalesce(
            checkout_sessions.checkout_status = 'complete', checkout_sessions.completed_at is not null
        ) as is_completed,
        checkout_sessions.currency,
        -- measures
        checkout_sessions.amount_subtotal_cents,
        checkout_sessions.discount_cents,
        checkout_sessions.amount_total_cents,
        -- times
        checkout_sessions.created_at,
        checkout_sessions.expires_at,
        checkout_sessions.completed_at
    from checkout_sessions
    left join subscription_accounts
        on checkout_sessions.subscription_id = subscription_accounts.subscription_id
    left join accounts
        on checkout_sessions.client_reference_id = accounts.account_id
    left join customers
        on checkout_sessions.customer_id = customers.customer_id
    left join customer_accounts
        on checkout_sessions.customer_id = customer_accounts.customer_id
    left join domain_accounts
        on split_part(coalesce(checkout_sessions.email, customers.email), '@', 2) = domain_accounts.domain
)

select * from final
