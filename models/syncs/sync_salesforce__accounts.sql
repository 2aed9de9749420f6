with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_usage as (
    select * from {{ ref('int_syncs__account_usage') }}
),

account_pqls as (
    select * from {{ ref('int_syncs__account_pqls') }}
),

current_health as (
    select * from {{ ref('fct_current_health') }}
),

crm_matches as (
    select * from {{ ref('int_syncs__salesforce_matches') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

final as (
    select
        accounts.account_id as record_key,
        crm_matches.record_id as crm_record_id,
        substr(coalesce(accounts.account_name, accounts.domain, accounts.account_id), 1, 255) as account_name,
        substr(accounts.domain, 1, 255) as website,
        accounts.employees,
        substr(accounts.industry, 1, 255) as industry,
        substr(accounts.plan, 1, 40) as plan,
        account_usage.mrr,
        clock.reporting_currency as currency,
        account_usage.active_users_28d,
        account_usage.activated_at,
        accounts.last_seen_at,
        account_pqls.points as pql_points,
        account_pqls.score_10 as pql_score_10,
        account_pqls.tier as pql_tier,
        substr(account_pqls.reason, 1, 255) as pql_reason,
        current_health.health_score,
        current_health.band as health_band,
        current_health.trend as health_trend,
        current_health.top_cause as health_cause,
        substr(current_health.reason, 1, 255) as health_reason
    from accounts
    inner join account_usage on accounts.account_id = account_usage.account_id
    cross join clock
    left join account_pqls on accounts.account_id = account_pqls.account_id
    left join current_health on accounts.account_id = current_health.account_id
    left join crm_matches
        on
            crm_matches.object = 'account'
            and accounts.account_id = crm_matches.entity_id
)

select * from final
