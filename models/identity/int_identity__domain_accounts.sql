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
    -- a company nobody grouped yet: its domain is the account
    select distinct
        person_traits.email_domain as domain,
        {{ hash_id('acc_dom_', 'person_traits.email_domain') }} as account_id,
        'domain' as method,
        3 as method_rank,
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
