with

usage_summaries as (
    select * from {{ ref('int_syncs__usage_summaries') }}
),

final as (
    select
        record_key,
        account_id,
        name,
        usage_month,
        active_users,
        active_days,
        count_events,
        mrr
    from usage_summaries
)

select * from final
