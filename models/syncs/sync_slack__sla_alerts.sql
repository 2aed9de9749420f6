with

alerts as (
    select * from {{ ref('fct_sla_alerts') }}
),

handoffs as (
    select * from {{ ref('fct_handoffs') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_usage as (
    select * from {{ ref('int_syncs__account_usage') }}
),

current_scores as (
    select * from {{ ref('fct_current_scores') }}
),

crm_owners as (
    select * from {{ ref('dim_crm_owners') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

owner_names as (
    -- a record number of one CRM may be another's too
    select
        owner_id,
        min(coalesce(owner_name, email)) as owner_name
    from crm_owners
    group by owner_id
),

handoffs_untouched as (
    select * from handoffs
    where is_open and first_touch_at is null
),

alerts_to_act_on as (
    -- of steps that came one after the other since the last run only the last asks for something
    select
        alerts.*,
        handoffs_untouched.owner_id as present_owner_id,
        handoffs_untouched.qualified_at
    from alerts
    inner join handoffs_untouched on alerts.handoff_id = handoffs_untouched.handoff_id
    cross join clock
    where alerts.alerted_at > {{ add_hours('clock.as_of_at', -var('sla_alert_hours')) }}
    qualify
        row_number() over (
            partition by alerts.handoff_id
            order by alerts.alerted_at desc, alerts.sla_share desc, alerts.alert_id
        ) = 1
),

final as (
    select
        alerts_to_act_on.alert_id as record_key,
        alerts_to_act_on.account_id,
        coalesce(accounts.account_name, accounts.domain, accounts.account_id) as account_name,
        alerts_to_act_on.handoff_id,
        alerts_to_act_on.step,
        alerts_to_act_on.action,
        alerts_to_act_on.is_escalation,
        alerts_to_act_on.tier,
        alerts_to_act_on.team,
        alerts_to_act_on.recipient_email,
        coalesce(asked.owner_name, alerts_to_act_on.owner_id) as owner_name,
        -- given to somebody else since; the same person where nobody was free
        coalesce(present.owner_name, alerts_to_act_on.present_owner_id) as present_owner_name,
        current_scores.points,
        current_scores.score_10,
        current_scores.reason,
        accounts.plan,
        accounts.segment,
        account_usage.active_users_28d,
        alerts_to_act_on.qualified_at,
        alerts_to_act_on.due_at,
        alerts_to_act_on.alerted_at
    from alerts_to_act_on
    inner join accounts on alerts_to_act_on.account_id = accounts.account_id
    left join account_usage on alerts_to_act_on.account_id = account_usage.account_id
    left join current_scores
        on
            alerts_to_act_on.account_id = current_scores.account_id
            and alerts_to_act_on.model_key = current_scores.model_key
    left join owner_names as asked on alerts_to_act_on.owner_id = asked.owner_id
    left join owner_names as present on alerts_to_act_on.present_owner_id = present.owner_id
)

select * from final
