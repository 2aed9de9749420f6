with

campaign_responses as (
    select * from {{ ref('fct_campaign_responses') }}
),

lead_qualifications as (
    select * from {{ ref('fct_lead_qualifications') }}
),

crm_accounts as (
    select * from {{ ref('bridge_crm_records') }}
    where object = 'accounts'
),

transitions as (
    select * from {{ ref('fct_transitions') }}
),

models as (
    select * from {{ ref('pql_models') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

qualifications_told as (
    select
        kind,
        cast(null as varchar) as model_key,
        account_id,
        person_id,
        crm,
        crm_object,
        crm_record_id,
        crm_account_id,
        cast(null as varchar) as tier,
        evidence,
        true as is_counted,
        qualified_at
    from lead_qualifications
    union all
    -- of a response the CRM keeps the day
    select
        'mql' as kind,
        cast(null as varchar) as model_key,
        account_id,
        person_id,
        crm,
        crm_object,
        crm_record_id,
        crm_account_id,
        cast(null as varchar) as tier,
        'campaign_response' as evidence,
        true as is_counted,
        cast(responded_date as timestamp) as qualified_at
    from campaign_responses
    union all
    -- an account comes into a qualifying tier from below; from one such tier to another is no news
    select
        'pql' as kind,
        transitions.model_key,
        transitions.account_id,
        cast(null as varchar) as person_id,
        cast(null as varchar) as crm,
        cast(null as varchar) as crm_object,
        cast(null as varchar) as crm_record_id,
        cast(null as varchar) as crm_account_id,
        transitions.to_tier as tier,
        'score' as evidence,
        models.status = 'live' as is_counted,
        transitions.transitioned_at as qualified_at
    from transitions
    inner join models on transitions.model_key = models.model_key
    where
        transitions.to_tier in ('{{ var("pql_qualifying_tiers") | join("', '") }}')
        and transitions.from_tier not in ('{{ var("pql_qualifying_tiers") | join("', '") }}')
),

accounts_found as (
    -- a contact nobody knows in the product may be of a company that is there
    select
        qualifications_told.kind,
        qualifications_told.model_key,
        coalesce(qualifications_told.account_id, crm_accounts.account_id) as account_id,
        qualifications_told.person_id,
        qualifications_told.crm,
        qualifications_told.crm_object,
        qualifications_told.crm_record_id,
        qualifications_told.crm_account_id,
        qualifications_told.tier,
        qualifications_told.evidence,
        qualifications_told.is_counted,
        qualifications_told.qualified_at
    from qualifications_told
    left join crm_accounts
        on
            qualifications_told.crm = crm_accounts.crm
            and qualifications_told.crm_account_id = crm_accounts.record_id
),

subjects_named as (
    -- the account; where the product knows none the CRM's account, else the person or record
    select
        accounts_found.*,
        coalesce(
            accounts_found.account_id,
            'crm_account:' || accounts_found.crm || ':' || accounts_found.crm_account_id,
            accounts_found.person_id,
            'crm_' || accounts_found.crm_object || ':' || accounts_found.crm || ':' || accounts_found.crm_record_id
        ) as subject_id,
        coalesce(
            accounts_found.person_id,
            'crm_' || accounts_found.crm_object || ':' || accounts_found.crm || ':' || accounts_found.crm_record_id
        ) as lead_id
    from accounts_found
    cross join clock
    where accounts_found.qualified_at <= clock.as_of_at
),

told_once as (
    -- two records of one person, or two responses of one day, are one qualification
    select *
    from subjects_named
    where subject_id is not null
    qualify
        row_number() over (
            partition by kind, model_key, subject_id, lead_id, qualified_at
            order by
                case evidence when 'date_field' then 1 when 'conversion' then 2 when 'status' then 3 else 4 end,
                crm,
                crm_object,
                crm_record_id
        ) = 1
),

numbered as (
    select
        *,
        row_number() over (
            partition by kind, model_key, subject_id
            order by qualified_at, lead_id
        ) as qualification_number
    from told_once
),

final as (
    select
        -- keys
        {{ hash_id('qlf_', 'kind', 'model_key', 'subject_id', 'lead_id', 'qualified_at') }} as qualification_id,
        kind,
        model_key,
        subject_id,
        account_id,
        person_id,
        crm,
        crm_object,
        crm_record_id,
        -- attributes
        evidence,
        tier,
        is_counted,
        cast(qualification_number as integer) as qualification_number,
        qualification_number = 1 as is_first,
        -- times
        cast(qualified_at as date) as qualified_date,
        qualified_at
    from numbered
)

select * from final
