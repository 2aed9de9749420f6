with

handoffs as (
    select * from {{ ref('fct_handoffs') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

current_scores as (
    select * from {{ ref('fct_current_scores') }}
),

crm_owners as (
    select * from {{ ref('dim_crm_owners') }}
),

owner_emails as (
    -- a record number of one CRM may be another's too
    select
        owner_id,
        min(lower(email)) as email
    from crm_owners
    group by owner_id
),

owners_by_crm as (
    select
        crm,
        lower(email) as email,
        min(owner_id) as owner_id
    from crm_owners
    where is_active
    group by crm, lower(email)
),

final as (
    -- what waits for an owner is nobody's task yet
    select
        handoffs.handoff_id as record_key,
        handoffs.account_id,
        substr(
            concat('[PLG] ', coalesce(accounts.account_name, accounts.domain, accounts.account_id), ': ', handoffs.tier),
            1, 255
        ) as subject,
        handoffs.tier,
        current_scores.reason as description,
        owner_emails.email as owner_email,
        in_salesforce.owner_id as salesforce_owner_id,
        in_hubspot.owner_id as hubspot_owner_id,
        handoffs.qualified_at,
        handoffs.due_at,
        cast(handoffs.due_at as date) as due_date
    from handoffs
    inner join accounts on handoffs.account_id = accounts.account_id
    inner join owner_emails on handoffs.owner_id = owner_emails.owner_id
    left join current_scores
        on
            handoffs.account_id = current_scores.account_id
            and handoffs.model_key = current_scores.model_key
    left join owners_by_crm as in_salesforce
        on
            owner_emails.email = in_salesforce.email
            and in_salesforce.crm = 'salesforce'
    left join owners_by_crm as in_hubspot
        on
            owner_emails.email = in_hubspot.email
            and in_hubspot.crm = 'hubspot'
    where handoffs.is_open
)

select * from final
