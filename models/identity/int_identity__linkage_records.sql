with

person_traits as (
    select * from {{ ref('int_identity__person_traits') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

accounts as (
    select * from {{ ref('int_identity__account_profiles') }}
),

crm_people as (
    select * from {{ ref('int_identity__crm_people') }}
),

crm_accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

crm_person_matches as (
    select * from {{ ref('int_identity__crm_person_matches') }}
),

crm_account_matches as (
    select * from {{ ref('int_identity__crm_account_matches') }}
),

email_domains as (
    select * from {{ ref('free_email_domains') }}
),

identified_people as (
    select distinct person_id from user_people
),

crm_people_open as (
    select
        'person' as entity,
        'crm' as side,
        {{ linkage_key('crm_people.crm', 'crm_people.object', 'crm_people.record_id') }} as record_key,
        crm_people.first_name,
        crm_people.last_name,
        crm_people.email,
        crm_people.title,
        crm_people.country,
        crm_account_matches.account_id,
        crm_people.company as company,
        cast(null as varchar) as domain,
        cast(null as bigint) as employees,
        cast(null as varchar) as industry
    from crm_people
    left join crm_person_matches
        on
            crm_people.crm = crm_person_matches.crm
            and crm_people.object = crm_person_matches.object
            and crm_people.record_id = crm_person_matches.record_id
    left join crm_account_matches
        on
            crm_people.crm = crm_account_matches.crm
            and crm_people.account_record_id = crm_account_matches.record_id
    where
        crm_person_matches.record_id is null
        and crm_people.last_name is not null
),

crm_accounts_open as (
    select
        'account' as entity,
        'crm' as side,
        {{ linkage_key('crm_accounts.crm', "'accounts'", 'crm_accounts.record_id') }} as record_key,
        cast(null as varchar) as first_name,
        cast(null as varchar) as last_name,
        cast(null as varchar) as email,
        cast(null as varchar) as title,
        crm_accounts.country,
        cast(null as varchar) as account_id,
        crm_accounts.account_name as company,
        case when email_domains.domain is null then crm_accounts.domain end as domain,
        crm_accounts.employees,
        crm_accounts.industry
    from crm_accounts
    left join crm_account_matches
        on
            crm_accounts.crm = crm_account_matches.crm
            and crm_accounts.record_id = crm_account_matches.record_id
    left join email_domains on crm_accounts.domain = email_domains.domain
    where
        crm_account_matches.record_id is null
        and crm_accounts.account_name is not null
),

product_people as (
    select
        'person' as entity,
        'product' as side,
        identified_people.person_id as record_key,
        person_traits.first_name,
        coalesce(
            person_traits.last_name,
            nullif(regexp_extract(person_traits.full_name, '[^ ]+$', 0), person_traits.full_name)
        ) as last_name,
        person_traits.email,
        person_traits.title,
        accounts.country,
        primary_accounts.account_id,
        accounts.account_name as company,
        cast(null as varchar) as domain,
        cast(null as bigint) as employees,
        cast(null as varchar) as industry
    from identified_people
    inner join person_traits on identified_people.person_id = person_traits.person_id
    left join primary_accounts on identified_people.person_id = primary_accounts.person_id
    left join accounts on primary_accounts.account_id = accounts.account_id
),

product_accounts as (
    select
        'account' as entity,
        'product' as side,
        account_id as record_key,
        cast(null as varchar) as first_name,
        cast(null as varchar) as last_name,
        cast(null as varchar) as email,
        cast(null as varchar) as title,
        country,
        cast(null as varchar) as account_id,
        account_name as company,
        domain,
        employees,
        industry
    from accounts
    where not is_domain_only
),

records_to_compare as (
    -- without an open record in the CRM there is nothing to look for
    select * from crm_people_open
    union all
    select * from crm_accounts_open
    union all
    select product_people.*
    from product_people
    where
        product_people.last_name is not null
        and exists (select 1 from crm_people_open)
    union all
    select product_accounts.*
    from product_accounts
    where
        product_accounts.company is not null
        and exists (select 1 from crm_accounts_open)
),

final as (
    select
        records_to_compare.entity,
        records_to_compare.side,
        records_to_compare.record_key,
        nullif(trim(regexp_replace({{ plain_letters('records_to_compare.first_name') }}, '[^a-z]+', ' ', 'g')), '') as first_name,
        nullif(trim(regexp_replace({{ plain_letters('records_to_compare.last_name') }}, '[^a-z]+', ' ', 'g')), '') as last_name,
        nullif(regexp_replace(split_part(records_to_compare.email, '@', 1), '[+].*$', ''), '') as email_local,
        case
            when email_domains.domain is null
                then nullif(split_part(records_to_compare.email, '@', 2), '')
        end as email_domain,
        lower(records_to_compare.title) as title,
        lower(records_to_compare.country) as country,
        records_to_compare.account_id,
        {{ normalise_company_name('records_to_compare.company') }} as company,
        {{ digits_of('records_to_compare.company') }} as company_digits,
        records_to_compare.domain,
        {{ domain_stem('records_to_compare.domain') }} as domain_stem,
        records_to_compare.employees,
        lower(records_to_compare.industry) as industry
    from records_to_compare
    left join email_domains on split_part(records_to_compare.email, '@', 2) = email_domains.domain
)

select * from final
