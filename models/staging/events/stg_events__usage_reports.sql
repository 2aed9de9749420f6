with

details as (
    select * from {{ ref('stg_events__details') }}
),

final as (
    select
        message_id,
        user_id,
        anonymous_id,
        group_id,
        quota_used,
        quota_limit,
        event_at as reported_at,
        received_date
    from details
    where event_name = 'usage_reported'
)

select * from final
