with

handoff_log as (
    select * from {{ handoff_log() }}
    where row_type = 'decision'
),

final as (
    select
        model_key,
        account_id,
        qualified_at,
        handoff_id,
        opportunity_id,
        evidence_owner_id,
        preferred_owner_id as named_owner_id,
        tier,
        decision,
        reason,
        reasons as suppression_reasons,
        detail,
        zone,
        zone_reason,
        territory,
        team
    from handoff_log
)

select * from final
