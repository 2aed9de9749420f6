with

details as (
    select * from {{ ref('stg_events__details') }}
),

final as (
    select
        message_id,
        event_name,
        user_id,
        anonymous_id,
        group_id,
        invite_id,
        share_id,
        event_at,
        received_date
    from details
    where event_name in ('teammate_invited', 'invite_accepted', 'report_shared')
)

select * from final
