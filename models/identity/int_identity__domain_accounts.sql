with

account_domains as (
    select * from {{ ref('int_identity__account_domains') }}
),

account_traits as (
    select * from {{ ref('int_identity__account_traits') }}
),

person_traits as (
    select * from {{ ref('int_identity__person_traits') }}
),

memberships as (
    select distinct person_id from {{ ref('int_identity__account_memberships') }}
),

domains_shared_out as (
    select
        domain,
        count(*) as count_accounts,
        max(case when is_main then 1 else 0 end) as is_main_somewhere
    from account_domains
    group by domain
),

main_domains as (
    select
        account_id,
        domain
    from account_domains
    where is_main
    union
    select
        account_id,
        declared_domain as domain
    from account_traits
    where declared_domain is not null
),

further_domains as (
    -- a company's second domain, or its new one: only in this account, and either several people
    -- have it or it is spelt like the first one. A lone guest's domain is none of the company's
    select
        account_domains.account_id,
        account_domains.domain,
        account_domains.count_people,
        account_domains.first_seen_at
    from account_domains
    inner join domains_shared_out on account_domains.domain = domains_shared_out.domain
    left join main_domains
        on
            account_domains.account_id = main_domains.account_id
            and (
                {{ domain_stem('account_domains.domain') }} = {{ domain_stem('main_domains.domain') }}
                or {{ domain_stem('account_domains.domain') }} like {{ domain_stem('main_domains.domain') }} || '-%'
            )
    where
        domains_shared_out.count_accounts = 1
        and domains_shared_out.is_main_somewhere = 0
        and (
            account_domains.count_people >= {{ var('further_domain_people') }}
            or main_domains.domain is not null
        )
),

claims as (
    select
        domain,
        account_id,
        'members' as method,
        1 as method_rank,
        count_people,
        first_seen_at
    from account_domains
    where is_main
    union all
    select
        declared_domain as domain,
        account_id,
        'declared' as method,
        2 as method_rank,
        0 as count_people,
        first_seen_at
    from account_traits
    where declared_domain is not null
    union all
    select
        domain,
        account_id,
        'members' as method,
        3 as method_rank,
        count_people,
        first_seen_at
    from further_domains
    union all
    -- a company nobody grouped yet: its domain is the account
    select distinct
        person_traits.email_domain as domain,
        {{ hash_id('acc_dom_', 'person_traits.email_domain') }} as account_id,
        'domain' as method,
        4 as method_rank,
        0 as count_people,
        cast(null as timestamp) as first_seen_at
    from person_traits
    left join memberships on person_traits.person_id = memberships.person_id
    where
        person_traits.is_business_email
        and memberships.person_id is null
),

claims_ranked as (
    select
        *,
        row_number() over (
            partition by domain
            order by method_rank asc, count_people desc, first_seen_at asc, account_id asc
        ) as claim_rank
    from claims
),

final as (
    select
        domain,
        account_id,
        method,
        count_people
    from claims_ranked
    where claim_rank = 1
)

select * from final
