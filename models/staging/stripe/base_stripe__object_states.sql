with

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
),

stripe_objects as (
    select * from {{ source('raw', 'stripe_objects') }}
),

final as (
    select
        object_type,
        object_id,
        object,
        event_type like '%.deleted' as is_deleted,
        created_at as known_at,
        load_id,
        file_id,
        line_number
    from stripe_events
    where
        coalesce(is_livemode, true)
        and object_id is not null
        -- a forecast, not an invoice
        and event_type <> 'invoice.upcoming'

    union all

    select
        object_type,
        object_id,
        object,
        false as is_deleted,
        pulled_at as known_at,
        load_id,
        file_id,
        line_number
    from stripe_objects
    where
        coalesce(is_livemode, true)
        and object_id is not null
)

select * from final
