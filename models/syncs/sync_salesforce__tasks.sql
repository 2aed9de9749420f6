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
        case when tier in ('hot', 'high') then 'High' else 'Normal' end as priority,
        salesforce_owner_id as owner_id,
        due_date
    from handoff_tasks
)

select * from final
