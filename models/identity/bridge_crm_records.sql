with

crm_accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

crm_contacts as (
    select * from {{ ref('stg_crm__contacts') }}
),

crm_leads as (
    select * from {{ ref('stg_crm__leads') }}
),

accounts as (
    select * from {{ ref('int_identity__accounts') }}
),

person_ids as (
    select * from {{ ref('bridge_person_ids') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

email_domains as (
    select * from {{ ref('free_email_domains') }}
),

people as (
    select distinct person_id from person_ids
),

account_names as (
    select
        account_id,
        domain,
        {{ normalise_company_name('account_name') }} as normal_name
    from accounts
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

account_candidates as (
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
        account_names.account_id,
        'domain_and_name' as method,
        0.98 as confidence
    from crm_account_names
    inner join account_names
        on
            crm_account_names.domain = account_names.domain
            and crm_account_names.normal_name = account_names.normal_name
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
        account_names.account_id,
        'domain' as method,
        0.9 as confidence
    from crm_account_names
    inner join account_names on crm_account_names.domain = account_names.domain
    left join domain_accounts on crm_account_names.domain = domain_accounts.domain
    where domain_accounts.domain is null
),

accounts_matched as (
    select *
    from account_candidates
    qualify
        row_number() over (
            partition by crm, record_id
            order by confidence desc, account_id asc
        ) = 1
),

people_records as (
    select
        crm,
        'contacts' as object,
        record_id,
        account_record_id,
        email,
        external_person_id
    from crm_contacts
    union all
    select
        crm,
        'leads' as object,
        record_id,
        cast(null as varchar) as account_record_id,
        email,
        external_person_id
    from crm_leads
),

person_candidates as (
    select
        people_records.crm,
        people_records.object,
        people_records.record_id,
        people_records.account_record_id,
        people.person_id,
        'external_id' as method,
        1.0 as confidence
    from people_records
    inner join people on people_records.external_person_id = people.person_id
    union all
    select
        people_records.crm,
        people_records.object,
        people_records.record_id,
        people_records.account_record_id,
        person_ids.person_id,
        'email' as method,
        0.95 as confidence
    from people_records
    inner join person_ids
        on
            people_records.email = person_ids.id_value
            and person_ids.id_type = 'email'
),

people_matched as (
    select *
    from person_candidates
    qualify
        row_number() over (
            partition by crm, object, record_id
            order by confidence desc, person_id asc
        ) = 1
),

final as (
    select
        crm,
        'accounts' as object,
        record_id,
        cast(null as varchar) as person_id,
        account_id,
        method,
        cast(confidence as decimal(4, 3)) as confidence
    from accounts_matched
    union all
    select
        people_matched.crm,
        people_matched.object,
        people_matched.record_id,
        people_matched.person_id,
        coalesce(accounts_matched.account_id, primary_accounts.account_id) as account_id,
        people_matched.method,
        cast(people_matched.confidence as decimal(4, 3)) as confidence
    from people_matched
    left join accounts_matched
        on
            people_matched.crm = accounts_matched.crm
            and people_matched.account_record_id = accounts_matched.record_id
    left join primary_accounts on people_matched.person_id = primary_accounts.person_id
)

select * from final
