with

handoff_log as (
    select * from {{ handoff_log() }}
    where row_type = 'handoff'
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

final as (
    select
        handoff_log.handoff_id,
        handoff_log.model_key,
        handoff_log.account_id,
        handoff_log.owner_id,
        handoff_log.first_owner_id,
        handoff_log.first_touch_owner_id,

        handoff_log.tier,
        handoff_log.first_tier,
        handoff_log.zone,
        handoff_log.zone_reason,
        handoff_log.territory,
        handoff_log.team,
        handoff_log.status,
        handoff_log.reason,
        handoff_log.status in ('pending', 'engaged') as is_open,
        handoff_log.sla_state,
        case
            when handoff_log.sla_state = 'breached' then false
            when handoff_log.first_touch_at is not null then true
        end as is_sla_met,
        handoff_log.first_touch_source,
        handoff_log.synced_source,

        handoff_log.sla_minutes,
        handoff_log.pipeline_minutes,
        handoff_log.sync_minutes,
        handoff_log.human_minutes,
        handoff_log.response_minutes,
        handoff_log.pipeline_wall_minutes,
        handoff_log.sync_wall_minutes,
        handoff_log.human_wall_minutes,
        handoff_log.response_wall_minutes,
        handoff_log.answer_minutes,
        handoff_log.count_reassigned,
        handoff_log.count_illegal as count_illegal_moves,

        handoff_log.qualified_at,
        handoff_log.synced_at,
        handoff_log.routed_at,
        handoff_log.assigned_at,
        handoff_log.workable_at,
        handoff_log.raised_at,
        handoff_log.first_touch_at,
        handoff_log.engaged_at,
        handoff_log.last_touch_at,
        handoff_log.due_at,
        handoff_log.closed_at,
        as_of.as_of_at
    from handoff_log
    cross join as_of
)

select * from final
