with

subscription_events as (
    select * from {{ ref('stg_stripe__subscription_events') }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

accounts_named as (
    select
        subscription_id,
        nullif(trim(metadata_account_id), '') as metadata_account_id,
        max(customer_id) as customer_id,
        max(effective_at) as last_named_at
    from subscription_events
    group by 1, 2
),

subscriptions as (
    -- the product's newest word counts, no word is none; a subscription never changes its customer
    select
        subscription_id,
        max(customer_id) over (partition by subscription_id) as customer_id,
        metadata_account_id
    from accounts_named
    qualify row_number() over (
        partition by subscription_id
        order by case when metadata_account_id is null then 1 else 0 end, last_named_at desc, metadata_account_id
    ) = 1
),

domains_of_customers as (
    select
        customer_id,
        metadata_account_id,
        split_part(email, '@', 2) as domain
    from customers
),

candidates as (
    -- what says it of the subscription itself goes before what says it of its customer
    select
        subscriptions.subscription_id,
        subscriptions.customer_id,
        subscriptions.metadata_account_id as account_id_on_subscription,
        domains_of_customers.metadata_account_id as account_id_on_customer,
        domain_accounts.account_id as account_id_by_domain
    from subscriptions
    left join domains_of_customers
        on subscriptions.customer_id = domains_of_customers.customer_id
    left join domain_accounts
        on domains_of_customers.domain = domain_accounts.domain
),

final as (
    -- money of a customer nobody knows is still money: it gets an account of its own
    select
        subscription_id,
        customer_id,
        coalesce(
            account_id_on_subscription,
            account_id_on_customer,
            account_id_by_domain,
            'acc_stripe_' || coalesce(customer_id, subscription_id)
        ) as account_id,
        case
            when account_id_on_subscription is not null then 'subscription_metadata'
            when account_id_on_customer is not null then 'customer_metadata'
            when account_id_by_domain is not null then 'email_domain'
            else 'none'
        end as method
    from candidates
)

select * from final
