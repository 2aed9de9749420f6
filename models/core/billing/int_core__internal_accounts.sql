with

internal_accounts as (
    select * from {{ ref('internal_accounts') }}
),

subscription_accounts as (
    select * from {{ ref('int_core__subscription_accounts') }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

contracts as (
    select * from {{ ref('stg_finance__contracts') }}
),

internal_domains as (
    select
        lower(value) as domain,
        reason
    from internal_accounts
    where kind = 'email_domain'
),

account_customers as (
    select distinct
        subscription_accounts.account_id,
        split_part(customers.email, '@', 2) as domain
    from subscription_accounts
    left join customers
        on subscription_accounts.customer_id = customers.customer_id
),

accounts_of_our_people as (
    -- one of us among a customer's billing contacts does not make the customer one of us
    select
        account_customers.account_id,
        max(internal_domains.reason) as reason
    from account_customers
    left join internal_domains
        on account_customers.domain = internal_domains.domain
    group by account_customers.account_id
    having count(internal_domains.domain) = count(*)
),

gathered as (
    select
        value as account_id,
        reason
    from internal_accounts
    where kind = 'account_id'

    union all

    select
        domain_accounts.account_id,
        internal_domains.reason
    from internal_domains
    inner join domain_accounts
        on internal_domains.domain = domain_accounts.domain

    union all

    -- contracts name their account by id or by domain
    select
        contracts.account as account_id,
        internal_domains.reason
    from contracts
    inner join internal_domains
        on lower(contracts.account) = internal_domains.domain

    union all

    select
        account_id,
        reason
    from accounts_of_our_people
),

final as (
    select
        account_id,
        min(reason) as reason
    from gathered
    group by account_id
)

select * from final
