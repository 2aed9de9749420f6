with

account_traits as (
    select * from {{ ref('int_identity__account_traits') }}
),

account_domains as (
    select * from {{ ref('int_identity__account_domains') }}
    where is_main
),

memberships as (
    select * from {{ ref('int_identity__account_memberships') }}
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

firmographics as (
    select * from {{ ref('stg_firmographics__companies') }}
),

domains_as_accounts as (
    select
        account_id,
        domain
    from domain_accounts
    where method = 'domain'
),

contracts_placed as (
    -- a contract names an account, or a domain
    select
        coalesce(domain_accounts.account_id, contracts.account) as account_id,
        domain_accounts.domain is null as is_new_account
    from contracts
    left join domain_accounts on lower(contracts.account) = domain_accounts.domain
    where contracts.account <> ''
),

accounts_known as (
    select
        account_id,
        'product' as known_from,
        false as has_contract
    from account_traits
    union all
    select
        trim(metadata_account_id) as account_id,
        'billing' as known_from,
        false as has_contract
    from stripe_customers
    where trim(metadata_account_id) <> ''
    union all
    select
        account_id,
        case when is_new_account then 'billing' else 'product' end as known_from,
        true as has_contract
    from contracts_placed
    union all
    select
        account_id,
        'domain' as known_from,
        false as has_contract
    from domains_as_accounts
),

accounts_once as (
    select
        account_id,
        max(case when known_from = 'domain' then 0 else 1 end) = 0 as is_domain_only,
        max(case when known_from = 'billing' then 1 else 0 end) = 1 as is_in_billing,
        max(case when has_contract then 1 else 0 end) = 1 as has_contract
    from accounts_known
    group by account_id
),

members as (
    select
        account_id,
        count(*) as count_people
    from memberships
    group by account_id
),

domains_of_members as (
    -- the domain most members have is the account's, unless it is another account's and only a
    -- guest or two brought it: a whole company on free mail has no domain
    select
        account_domains.account_id,
        account_domains.domain
    from account_domains
    inner join members on account_domains.account_id = members.account_id
    left join domain_accounts on account_domains.domain = domain_accounts.domain
    where
        coalesce(domain_accounts.account_id, account_domains.account_id) = account_domains.account_id
        or account_domains.count_people > {{ var('own_domain_share') }} * members.count_people
),

accounts_with_domain as (
    select
        accounts_once.account_id,
        accounts_once.is_domain_only,
        accounts_once.is_in_billing,
        accounts_once.has_contract,
        account_traits.account_name,
        coalesce(
            account_traits.declared_domain,
            domains_of_members.domain,
            domains_as_accounts.domain,
            -- a contract may name its account by a domain the product does not know
            case
                when regexp_matches(accounts_once.account_id, '^[a-z0-9-]+([.][a-z0-9-]+)+$')
                    then accounts_once.account_id
            end
        ) as domain,
        account_traits.industry,
        account_traits.employees,
        account_traits.plan,
        coalesce(members.count_people, 0) as count_people,
        account_traits.first_seen_at
    from accounts_once
    left join account_traits on accounts_once.account_id = account_traits.account_id
    left join domains_of_members on accounts_once.account_id = domains_of_members.account_id
    left join domains_as_accounts on accounts_once.account_id = domains_as_accounts.account_id
    left join members on accounts_once.account_id = members.account_id
),

final as (
    select
        accounts_with_domain.account_id,
        coalesce(accounts_with_domain.account_name, firmographics.company_name) as account_name,
        {{ normalise_company_name('coalesce(accounts_with_domain.account_name, firmographics.company_name)') }} as normal_name,
        accounts_with_domain.domain,
        coalesce(accounts_with_domain.industry, firmographics.industry) as industry,
        coalesce(accounts_with_domain.employees, cast(firmographics.employees as bigint)) as employees,
        firmographics.country,
        accounts_with_domain.plan,
        accounts_with_domain.is_domain_only,
        accounts_with_domain.is_in_billing,
        accounts_with_domain.has_contract,
        accounts_with_domain.count_people,
        accounts_with_domain.first_seen_at
    from accounts_with_domain
    left join firmographics on accounts_with_domain.domain = firmographics.domain
)

select * from final
