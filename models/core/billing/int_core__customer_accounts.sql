with

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

subscription_accounts as (
    select * from {{ ref('int_core__subscription_accounts') }}
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

accounts_counted as (
    select
        customer_id,
        account_id,
        count(*) as count_subscriptions
    from subscription_accounts
    where
        customer_id is not null
        and method = 'subscription_metadata'
    group by 1, 2
),

accounts_of_subscriptions as (
    select *
    from accounts_counted
    qualify row_number() over (
        partition by customer_id order by count_subscriptions desc, account_id
    ) = 1
),

final as (
    select
        customers.customer_id,
        coalesce(
            customers.metadata_account_id,
            accounts_of_subscriptions.account_id,
            domain_accounts.account_id,
            'acc_stripe_' || customers.customer_id
        ) as account_id
    from customers
    left join accounts_of_subscriptions
        on customers.customer_id = accounts_of_subscriptions.customer_id
    left join domain_accounts
        on split_part(customers.email, '@', 2) = domain_accounts.domain
)

select * from final
