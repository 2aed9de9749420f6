with

crm_link_candidates as (
    select * from {{ ref('int_identity__crm_link_candidates') }}
    where decision = 'review'
),

crm_people as (
    select * from {{ ref('int_identity__crm_people') }}
),

crm_accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

person_traits as (
    select * from {{ ref('int_identity__person_traits') }}
),

accounts as (
    select * from {{ ref('int_identity__account_profiles') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

final as (
    select
        crm_link_candidates.crm,
        crm_link_candidates.object,
        crm_link_candidates.record_id,
        case when crm_link_candidates.object <> 'accounts' then crm_link_candidates.entity_id end as person_id,
        coalesce(own_accounts.account_id, accounts.account_id) as account_id,

        coalesce(
            nullif(concat_ws(' ', crm_people.first_name, crm_people.last_name), ''),
            crm_accounts.account_name
        ) as crm_name,
        crm_people.email as crm_email,
        coalesce(crm_people.company, crm_accounts.account_name) as crm_company,
        coalesce(crm_people.title, crm_accounts.industry) as crm_title,
        coalesce(crm_people.country, crm_accounts.country) as crm_country,
        crm_accounts.domain as crm_domain,

        coalesce(person_traits.full_name, accounts.account_name) as product_name,
        person_traits.email as product_email,
        coalesce(own_accounts.account_name, accounts.account_name) as product_company,
        coalesce(person_traits.title, accounts.industry) as product_title,
        coalesce(own_accounts.country, accounts.country) as product_country,
        accounts.domain as product_domain,

        crm_link_candidates.probability,
        crm_link_candidates.next_probability,
        case
            when crm_link_candidates.next_probability >= {{ var('linkage_review_probability') }} then 'ambiguous'
            else 'not_sure_enough'
        end as reason
    from crm_link_candidates
    left join crm_people
        on
            crm_link_candidates.crm = crm_people.crm
            and crm_link_candidates.object = crm_people.object
            and crm_link_candidates.record_id = crm_people.record_id
    left join crm_accounts
        on
            crm_link_candidates.object = 'accounts'
            and crm_link_candidates.crm = crm_accounts.crm
            and crm_link_candidates.record_id = crm_accounts.record_id
    left join person_traits
        on
            crm_link_candidates.object <> 'accounts'
            and crm_link_candidates.entity_id = person_traits.person_id
    left join primary_accounts on person_traits.person_id = primary_accounts.person_id
    left join accounts as own_accounts on primary_accounts.account_id = own_accounts.account_id
    left join accounts
        on
            crm_link_candidates.object = 'accounts'
            and crm_link_candidates.entity_id = accounts.account_id
)

select * from final
