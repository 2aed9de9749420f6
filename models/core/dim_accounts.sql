with

accounts as (
    select * from {{ ref('int_identity__accounts') }}
),

people_joined as (
    select * from {{ ref('int_core__account_people_joined') }}
),

account_days as (
    select * from {{ ref('fct_account_days') }}
),

account_billing as (
    select * from {{ ref('int_core__account_billing') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
),

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

firmographics as (
    select * from {{ ref('stg_firmographics__companies') }}
),

crm_accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
    where object = 'accounts'
),

account_segments as (
    select * from {{ ref('account_segments') }}
),

account_hierarchy as (
    select * from {{ ref('dim_account_hierarchy') }}
),

named_accounts as (
    select * from {{ ref('named_accounts') }}
),

crm_owners as (
    select * from {{ ref('dim_crm_owners') }}
),

account_ids as (
    select account_id from accounts
    union
    select account_id from account_billing
    union
    select account_id from contracts
),

members as (
    select
        account_id,
        count(*) as count_people,
        min(joined_at) as signed_up_at
    from people_joined
    group by account_id
),

activity as (
    select
        account_id,
        max(last_event_at) as last_seen_at
    from account_days
    group by account_id
),

main_crm_accounts as (
    -- of several CRM accounts for one of ours the surest match, then the oldest record
    select
        crm_records.account_id,
        crm_accounts.record_id as crm_account_id,
        crm_accounts.owner_id,
        crm_accounts.account_name,
        crm_accounts.employees,
        crm_accounts.industry,
        crm_accounts.country
    from crm_records
    inner join crm_accounts
        on
            crm_records.crm = crm_accounts.crm
            and crm_records.record_id = crm_accounts.record_id
    qualify
        row_number() over (
            partition by crm_records.account_id
            order by crm_records.confidence desc, crm_accounts.record_id asc
        ) = 1
),

sales_touched as (
    select account_id from contracts
    union
    select account_id from opportunities
    where is_won and account_id is not null
),

open_opportunities as (
    -- of several the newest: its owner is told, nobody else is sent
    select
        account_id,
        owner_id
    from opportunities
    where account_id is not null and not is_closed
    qualify
        row_number() over (
            partition by account_id
            order by created_at desc nulls last, opportunity_id asc
        ) = 1
),

named_account_owners as (
    select
        named_accounts.domain,
        min(crm_owners.owner_id) as owner_id
    from named_accounts
    left join crm_owners on lower(named_accounts.owner_email) = crm_owners.email
    group by named_accounts.domain
),

accounts_described as (
    select
        account_ids.account_id,
        coalesce(
            accounts.account_name,
            firmographics.company_name,
            main_crm_accounts.account_name,
            accounts.domain,
            account_ids.account_id
        ) as account_name,
        accounts.domain,
        coalesce(
            firmographics.employees,
            accounts.employees,
            main_crm_accounts.employees
        ) as employees,
        coalesce(firmographics.industry, accounts.industry, main_crm_accounts.industry) as industry,
        coalesce(firmographics.country, main_crm_accounts.country) as country,
        firmographics.tech_stack,
        firmographics.hiring_signals,
        firmographics.domain is not null as has_company_data,
        -- what billing knows to be over is over, whatever the product last told
        case
            when account_billing.is_on_a_plan then coalesce(account_billing.plan_key, accounts.plan, 'free')
            when account_billing.account_id is not null then 'free'
            else coalesce(accounts.plan, 'free')
        end as plan,
        accounts.plan as product_plan,
        coalesce(account_billing.is_paying, false) as is_paying,
        case
            when sales_touched.account_id is not null then 'sales_assisted' else 'self_serve'
        end as motion,
        case when account_billing.had_trial then 'trial' else 'freemium' end as entry_model,
        main_crm_accounts.crm_account_id,
        main_crm_accounts.owner_id,
        open_opportunities.account_id is not null as has_open_opportunity,
        open_opportunities.owner_id as open_opportunity_owner_id,
        named_account_owners.domain is not null as is_named_account,
        named_account_owners.owner_id as named_account_owner_id,
        account_hierarchy.parent_account_id,
        coalesce(account_hierarchy.ultimate_parent_account_id, account_ids.account_id) as ultimate_parent_account_id,
        coalesce(members.count_people, 0) as count_people,
        members.signed_up_at,
        activity.last_seen_at
    from account_ids
    left join accounts on account_ids.account_id = accounts.account_id
    left join members on account_ids.account_id = members.account_id
    left join activity on account_ids.account_id = activity.account_id
    left join account_billing on account_ids.account_id = account_billing.account_id
    left join firmographics on accounts.domain = firmographics.domain
    left join main_crm_accounts on account_ids.account_id = main_crm_accounts.account_id
    left join sales_touched on account_ids.account_id = sales_touched.account_id
    left join open_opportunities on account_ids.account_id = open_opportunities.account_id
    left join named_account_owners on accounts.domain = named_account_owners.domain
    left join account_hierarchy on account_ids.account_id = account_hierarchy.account_id
),

final as (
    select
        accounts_described.account_id,
        accounts_described.crm_account_id,
        accounts_described.owner_id,
        accounts_described.open_opportunity_owner_id,
        accounts_described.named_account_owner_id,
        accounts_described.parent_account_id,
        accounts_described.ultimate_parent_account_id,

        accounts_described.account_name,
        accounts_described.domain,
        coalesce(account_segments.segment, 'unknown') as segment,
        cast(accounts_described.employees as bigint) as employees,
        accounts_described.industry,
        accounts_described.country,
        accounts_described.tech_stack,
        accounts_described.hiring_signals,
        accounts_described.has_company_data,
        accounts_described.plan,
        accounts_described.product_plan,
        accounts_described.is_paying,
        accounts_described.motion,
        accounts_described.entry_model,
        accounts_described.has_open_opportunity,
        accounts_described.is_named_account,

        accounts_described.count_people,

        accounts_described.signed_up_at,
        accounts_described.last_seen_at
    from accounts_described
    left join account_segments
        on
            accounts_described.employees >= account_segments.min_employees
            and accounts_described.employees <= coalesce(account_segments.max_employees, 2147483647)
)

select * from final
