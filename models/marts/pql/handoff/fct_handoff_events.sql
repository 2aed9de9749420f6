with

handoff_log as (
    select * from {{ handoff_log() }}
    where row_type = 'event'
),

final as (
    select
        cast(seq as bigint) as event_number,
        handoff_id,
        model_key,
        account_id,
        owner_id,
        event,
        from_status,
        to_status,
        reason,
        source,
        is_applied,
        flag,
        open_after as count_open_after,
        capacity,
        happened_at
    from handoff_log
)

select * from final
