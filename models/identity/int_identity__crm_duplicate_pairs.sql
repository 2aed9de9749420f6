with

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
),

crm_people as (
    select * from {{ ref('int_identity__crm_people') }}
),

crm_accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

accounts as (
    select * from {{ ref('int_identity__accounts') }}
),

account_profiles as (
    select * from {{ ref('int_identity__account_profiles') }}
),

email_domains as (
    select * from {{ ref('free_email_domains') }}
),

crm_accounts_named as (
    select
        crm_accounts.crm,
        crm_accounts.record_id,
        case when email_domains.domain is null then crm_accounts.domain end as domain,
        {{ normalise_company_name('crm_accounts.account_name') }} as normal_name,
        crm_accounts.country,
        crm_accounts.employees
    from crm_accounts
    left join email_domains on crm_accounts.domain = email_domains.domain
),

evidence as (
    -- what two records have in common: records that share a key are one group
    select
        crm,
        object,
        record_id,
        'person' as entity,
        'same product user' as evidence,
        person_id as shared_key
    from crm_records
    where person_id is not null
    union all
    select
        crm,
        object,
        record_id,
        'person' as entity,
        'same e-mail address' as evidence,
        email as shared_key
    from crm_people
    where email is not null
    union all
    select
        crm_accounts_named.crm,
        'accounts' as object,
        crm_accounts_named.record_id,
        'account' as entity,
        'same company domain' as evidence,
        crm_accounts_named.domain as shared_key
    from crm_accounts_named
    where crm_accounts_named.domain is not null
    union all
    select
        crm_accounts_named.crm,
        'accounts' as object,
        crm_accounts_named.record_id,
        'account' as entity,
        'same company name and country' as evidence,
        crm_accounts_named.normal_name || '|' || crm_accounts_named.country as shared_key
    from crm_accounts_named
    where crm_accounts_named.normal_name is not null
    union all
    -- several domains of a company lead to one product account, and are one company's records
    -- only where they were matched as such
    select
        crm,
        object,
        record_id,
        'account' as entity,
        'same product account' as evidence,
        account_id as shared_key
    from crm_records
    where
        object = 'accounts'
        and method in ('external_id', 'domain_and_name', 'probabilistic')
    union all
    select
        'product' as crm,
        'accounts' as object,
        account_id as record_id,
        'account' as entity,
        'same company domain' as evidence,
        domain as shared_key
    from accounts
    where domain is not null
    union all
    select
        'product' as crm,
        'accounts' as object,
        accounts.account_id as record_id,
        'account' as entity,
        'same company name and country' as evidence,
        account_profiles.normal_name || '|' || account_profiles.country as shared_key
    from accounts
    inner join account_profiles on accounts.account_id = account_profiles.account_id
    where account_profiles.normal_name is not null
),

first_of_key as (
    select
        crm,
        entity,
        object,
        record_id,
        evidence,
        first_value(object || '|' || record_id) over (
            partition by crm, entity, evidence, shared_key
            order by object, record_id
        ) as first_node
    from evidence
    where shared_key is not null
),

names_alike as (
    -- a copy keeps its facts while somebody edits its name: 'Acme (old)', 'Acme - do not use'. It is
    -- paired with the one record it is most like, and never with one of another domain
    select
        copies.crm,
        'account' as entity,
        {{ linkage_key('originals.crm', "'accounts'", 'originals.record_id') }} as node_a,
        {{ linkage_key('copies.crm', "'accounts'", 'copies.record_id') }} as node_b,
        'name spelt alike, same country and employees' as evidence
    from crm_accounts_named as copies
    inner join crm_accounts_named as originals
        on
            copies.crm = originals.crm
            and copies.country = originals.country
            and copies.employees = originals.employees
            and substr(copies.normal_name, 1, 4) = substr(originals.normal_name, 1, 4)
            and copies.record_id <> originals.record_id
    where
        copies.domain is null
        and (originals.domain is not null or originals.record_id < copies.record_id)
        and {{ jaro_winkler('copies.normal_name', 'originals.normal_name') }} >= {{ var('duplicate_name_similarity') }}
        and coalesce({{ digits_of('copies.normal_name') }}, '') = coalesce({{ digits_of('originals.normal_name') }}, '')
    qualify
        row_number() over (
            partition by copies.crm, copies.record_id
            order by
                {{ jaro_winkler('copies.normal_name', 'originals.normal_name') }} desc,
                case when originals.domain is null then 1 else 0 end,
                originals.record_id asc
        ) = 1
),

final as (
    select distinct
        crm,
        entity,
        crm || '|' || first_node as node_a,
        {{ linkage_key('crm', 'object', 'record_id') }} as node_b,
        evidence
    from first_of_key
    where first_node <> object || '|' || record_id
    union all
    select
        crm,
        entity,
        node_a,
        node_b,
        evidence
    from names_alike
)

select * from final
