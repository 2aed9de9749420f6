with

crm_accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

accounts as (
    select * from {{ ref('int_identity__account_profiles') }}
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

email_domains as (
    select * from {{ ref('free_email_domains') }}
),

crm_account_names as (
    select
        crm_accounts.crm,
        crm_accounts.record_id,
        crm_accounts.external_account_id,
        case when email_domains.domain is null then crm_accounts.domain end as domain,
        {{ normalise_company_name('crm_accounts.account_name') }} as normal_name
    from crm_accounts
    left join email_domains on crm_accounts.domain = email_domains.domain
),

candidates as (
    select
        crm_account_names.crm,
        crm_account_names.record_id,
        accounts.account_id,
        'external_id' as method,
        1.0 as confidence
    from crm_account_names
    inner join accounts on crm_account_names.external_account_id = accounts.account_id
    union all
    select
        crm_account_names.crm,
        crm_account_names.record_id,
        accounts.account_id,
        'domain_and_name' as method,
        0.98 as confidence
    from crm_account_names
    inner join accounts
        on
            crm_account_names.domain = accounts.domain
            and crm_account_names.normal_name = accounts.normal_name
    union all
    -- a company may own several domains: each names the account most of its people are in
    select
        crm_account_names.crm,
        crm_account_names.record_id,
        domain_accounts.account_id,
        'domain' as method,
        0.9 as confidence
    from crm_account_names
    inner join domain_accounts on crm_account_names.domain = domain_accounts.domain
    union all
    select
        crm_account_names.crm,
        crm_account_names.record_id,
        accounts.account_id,
        'domain' as method,
        0.9 as confidence
    from crm_account_names
    inner join accounts on crm_account_names.domain = accounts.domain
    left join domain_accounts on crm_account_names.domain = domain_accounts.domain
    where domain_accounts.domain is null
),

final as (
    select
        crm,
        record_id,
        account_id,
        method,
        cast(confidence as decimal(4, 3)) as confidence
    from candidates
    qualify
        row_number() over (
            partition by crm, record_id
            order by confidence desc, account_id asc
        ) = 1
)

select * from final
