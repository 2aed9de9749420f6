with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_pqls as (
    select * from {{ ref('fct_current_scores') }}
),

decisions as (
    select * from {{ ref('fct_handoff_decisions') }}
),

handoffs as (
    select * from {{ ref('fct_handoffs') }}
),

crm_owners as (
    select * from {{ ref('dim_crm_owners') }}
),

last_decisions as (
    select *
    from decisions
    qualify
        row_number() over (
            partition by model_key, account_id
            order by qualified_at desc
        ) = 1
),

last_handoffs as (
    select *
    from handoffs
    qualify
        row_number() over (
            partition by model_key, account_id
            order by qualified_at desc
        ) = 1
),

owner_emails as (
    -- a record number of one CRM may be another's too
    select
        owner_id,
        min(email) as email
    from crm_owners
    group by owner_id
),

final as (
    -- a paying account has no current score, so it is not here
    select
        concat(account_pqls.model_key, '|', account_pqls.account_id) as record_key,
        account_pqls.account_id,
        substr(
            concat(
                coalesce(accounts.account_name, accounts.domain, accounts.account_id), ' (', account_pqls.model_key, ')'
            ), 1, 80
        ) as name,
        account_pqls.points,
        account_pqls.score_10,
        account_pqls.tier,
        substr(account_pqls.reason, 1, 255) as reason,
        account_pqls.triggered_at,
        'open' as status,
        last_handoffs.handoff_id,
        -- of an account that was not handed off: why
        case
            when last_handoffs.is_open then last_handoffs.status
            when last_decisions.decision in ('suppressed', 'open_opportunity', 'cooling_down') then last_decisions.reason
            else last_handoffs.status
        end as handoff_state,
        coalesce(last_handoffs.zone, last_decisions.zone) as zone,
        coalesce(last_handoffs.team, last_decisions.team) as team,
        owner_emails.email as handoff_owner_email,
        last_handoffs.qualified_at,
        last_handoffs.due_at,
        case when last_handoffs.is_open then last_handoffs.sla_state end as sla_state
    from account_pqls
    inner join accounts on account_pqls.account_id = accounts.account_id
    left join last_decisions
        on
            account_pqls.model_key = last_decisions.model_key
            and account_pqls.account_id = last_decisions.account_id
    left join last_handoffs
        on
            account_pqls.model_key = last_handoffs.model_key
            and account_pqls.account_id = last_handoffs.account_id
    left join owner_emails
        on coalesce(last_handoffs.owner_id, last_decisions.evidence_owner_id) = owner_emails.owner_id
    where
        account_pqls.model_status = 'live'
        and account_pqls.tier <> 'none'
)

select * from final
