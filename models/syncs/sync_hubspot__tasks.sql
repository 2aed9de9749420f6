with

handoff_tasks as (
    select * from {{ ref('int_syncs__handoff_tasks') }}
),

final as (
    select
        record_key,
        account_id,
        subject,
        description,
        case when tier in ('hot', 'high') then 'HIGH' else 'MEDIUM' end as priority,
        hubspot_owner_id as owner_id,
        coalesce(due_at, qualified_at) as due_at
    from handoff_tasks
)

select * from final
