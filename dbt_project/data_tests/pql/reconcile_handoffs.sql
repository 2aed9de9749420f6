-- Every time an account was routed is one hand-off, and the history of its states ends in its state.
with

handoffs as (
    select * from {{ ref('fct_handoffs') }}
),

decisions as (
    select * from {{ ref('fct_handoff_decisions') }}
    where decision = 'routed'
),

moves as (
    select
        handoff_id,
        to_status,
        happened_at,
        row_number() over (partition by handoff_id order by event_number desc) as place_from_last
    from {{ ref('fct_handoff_events') }}
    where is_applied and event in ('created', 'moved')
),

last_moves as (
    select * from moves
    where place_from_last = 1
)

select
    coalesce(handoffs.handoff_id, decisions.handoff_id) as handoff_id,
    handoffs.status,
    last_moves.to_status as status_by_history
from handoffs
full outer join decisions
    on
        handoffs.handoff_id = decisions.handoff_id
        and handoffs.qualified_at = decisions.qualified_at
        and handoffs.account_id = decisions.account_id
left join last_moves on handoffs.handoff_id = last_moves.handoff_id
where
    handoffs.handoff_id is null
    or decisions.handoff_id is null
    or coalesce(last_moves.to_status, '') <> handoffs.status
    or (handoffs.is_open <> (handoffs.closed_at is null))
    or handoffs.first_touch_at < handoffs.qualified_at
    or handoffs.routed_at < handoffs.qualified_at
