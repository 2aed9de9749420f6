-- Every suppression has exactly one leading reason, one the seed knows, the first of all it names; an
-- open opportunity is named with it; and what was routed is routed somewhere Sales works.
with

decisions as (
    select * from {{ ref('fct_handoff_decisions') }}
),

reasons as (
    select * from {{ ref('handoff_suppressions') }}
)

select
    decisions.model_key,
    decisions.account_id,
    decisions.qualified_at,
    decisions.decision,
    decisions.reason,
    decisions.suppression_reasons
from decisions
left join reasons on decisions.reason = reasons.reason
where
    (
        decisions.decision = 'suppressed'
        and (
            reasons.reason is null
            or coalesce(split_part(decisions.suppression_reasons, ', ', 1), '') <> decisions.reason
        )
    )
    or (decisions.decision = 'open_opportunity' and decisions.opportunity_id is null)
    or (
        decisions.decision = 'routed'
        and (
            decisions.handoff_id is null
            or decisions.zone is null
            or decisions.team is null
            or decisions.suppression_reasons is not null
        )
    )
