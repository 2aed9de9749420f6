with

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

account_traits as (
    select * from {{ ref('int_identity__account_traits') }}
),

account_domains as (
    select * from {{ ref('int_identity__account_domains') }}
    where is_main
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

stripe_customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

contracts as (
    select * from {{ ref('stg_finance__contracts') }}
),

accounts_known as (
    select
        account_id,
        first_seen_at
    from account_people
    union all
    -- accounts that only billing speaks of
    select
        trim(metadata_account_id) as account_id,
        cast(null as timestamp) as first_seen_at
    from stripe_customers
    where trim(metadata_account_id) <> ''
    union all
    select
        contracts.account as account_id,
        cast(null as timestamp) as first_seen_at
    from contracts
    left join domain_accounts on lower(contracts.account) = domain_accounts.domain
    where
        contracts.account <> ''
        and domain_accounts.domain is null
),

accounts_seen as (
    select
        account_id,
        min(first_seen_at) as first_seen_at
    from accounts_known
    group by account_id
),

domains_as_accounts as (
    select
        account_id,
        domain
    from domain_accounts
    where method = 'domain'
),

final as (
    select
        accounts_seen.account_id,
        account_traits.account_name,
        coalesce(
            account_traits.declared_domain,
            account_domains.domain,
            domains_as_accounts.domain,
            -- a contract may name its account by a domain the product does not know
            case
                when regexp_matches(accounts_seen.account_id, '^[a-z0-9-]+([.][a-z0-9-]+)+$')
                    then accounts_seen.account_id
            end
        ) as domain,
        account_traits.industry,
        account_traits.employees,
        account_traits.plan,
        accounts_seen.first_seen_at
    from accounts_seen
    left join account_traits on accounts_seen.account_id = account_traits.account_id
    left join account_domains on accounts_seen.account_id = account_domains.account_id
    left join domains_as_accounts on accounts_seen.account_id = domains_as_accounts.account_id
)

select * from final
