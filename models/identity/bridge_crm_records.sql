with

crm_account_matches as (
    select * from {{ ref('int_identity__crm_account_matches') }}
),

crm_person_matches as (
    select * from {{ ref('int_identity__crm_person_matches') }}
),

crm_people as (
    select * from {{ ref('int_identity__crm_people') }}
),

crm_link_candidates as (
    select * from {{ ref('int_identity__crm_link_candidates') }}
    where decision = 'match'
),

accounts as (
    select * from {{ ref('int_identity__accounts') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

accounts_matched as (
    select
        crm,
        record_id,
        account_id,
        method,
        confidence
    from crm_account_matches
    union all
    select
        crm,
        record_id,
        entity_id as account_id,
        'probabilistic' as method,
        confidence
    from crm_link_candidates
    where object = 'accounts'
),

accounts_in_use as (
    -- a domain nobody signed up with is no account yet
    select accounts_matched.*
    from accounts_matched
    inner join accounts on accounts_matched.account_id = accounts.account_id
),

people_matched as (
    select
        crm,
        object,
        record_id,
        account_record_id,
        person_id,
        method,
        confidence
    from crm_person_matches
    union all
    select
        crm_link_candidates.crm,
        crm_link_candidates.object,
        crm_link_candidates.record_id,
        crm_people.account_record_id,
        crm_link_candidates.entity_id as person_id,
        'probabilistic' as method,
        crm_link_candidates.confidence
    from crm_link_candidates
    inner join crm_people
        on
            crm_link_candidates.crm = crm_people.crm
            and crm_link_candidates.object = crm_people.object
            and crm_link_candidates.record_id = crm_people.record_id
),

final as (
    select
        crm,
        'accounts' as object,
        record_id,
        cast(null as varchar) as person_id,
        account_id,
        method,
        confidence
    from accounts_in_use
    union all
    select
        people_matched.crm,
        people_matched.object,
        people_matched.record_id,
        people_matched.person_id,
        coalesce(accounts_in_use.account_id, primary_accounts.account_id) as account_id,
        people_matched.method,
        people_matched.confidence
    from people_matched
    left join accounts_in_use
        on
            people_matched.crm = accounts_in_use.crm
            and people_matched.account_record_id = accounts_in_use.record_id
    left join primary_accounts on people_matched.person_id = primary_accounts.person_id
)

select * from final
