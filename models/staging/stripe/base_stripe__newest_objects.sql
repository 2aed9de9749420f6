with

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
),

stripe_objects as (
    select * from {{ source('raw', 'stripe_objects') }}
),

states as (
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
    where coalesce(is_livemode, true)

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
    where coalesce(is_livemode, true)
),

final as (
    select
        object_type,
        object_id,
        object,
        is_deleted,
        known_at
    from states
    where
        object_type in (
            'charge', 'checkout.session', 'coupon', 'credit_note', 'payment_intent', 'promotion_code', 'refund'
        )
        and object_id is not null
    -- events of one second are told apart by the order they came in; nothing comes after a deletion
    qualify row_number() over (
        partition by object_type, object_id
        order by known_at desc, is_deleted desc, load_id desc, file_id desc, line_number desc
    ) = 1
)

select * from final
