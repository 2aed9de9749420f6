with

pqls as (
    select * from {{ ref('int_syncs__pqls') }}
),

final as (
    select
        record_key,
        account_id,
        name,
        points,
        score_10,
        tier,
        reason,
        triggered_at,
        status,
        handoff_id,
        handoff_state,
        zone,
        team,
        handoff_owner_email,
        qualified_at,
        due_at,
        sla_state
    from pqls
)

select * from final
