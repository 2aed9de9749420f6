with

handoff_log as (
    select * from {{ handoff_log() }}
    where row_type = 'alert'
),

final as (
    select
        concat(handoff_id, '|', tier, '|', step) as alert_id,
        handoff_id,
        model_key,
        account_id,
        owner_id,
        recipient_email,
        tier,
        team,
        step,
        action,
        action <> 'warn_owner' as is_escalation,
        cast(share as decimal(6, 3)) as sla_share,
        due_at,
        happened_at as alerted_at
    from handoff_log
)

select * from final
