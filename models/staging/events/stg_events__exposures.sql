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
        experiment_key,
        variant,
        event_at as exposed_at,
        received_date
    from details
    where
        event_name = 'experiment_viewed'
        and experiment_key is not null
        and variant is not null
)

select * from final
