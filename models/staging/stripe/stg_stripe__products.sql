with

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
),

stripe_objects as (
    select * from {{ source('raw', 'stripe_objects') }}
),

states as (
    select
        object_id as product_id,
        object,
        event_type like '%.deleted' as is_deleted,
        created_at as known_at,
        load_id,
        line_number
    from stripe_events
    where
        event_type like 'product.%'
        and coalesce(is_livemode, true)

    union all

    select
        object_id as product_id,
        object,
        false as is_deleted,
        pulled_at as known_at,
        load_id,
        line_number
    from stripe_objects
    where
        object_type = 'product'
        and coalesce(is_livemode, true)
),

newest as (
    select *
    from states
    qualify row_number() over (
        partition by product_id order by known_at desc, load_id desc, line_number desc
    ) = 1
),

final as (
    select
        product_id,
        {{ json_text('object', 'name') }} as product_name,
        {{ json_text('object', 'metadata.plan_key') }} as metadata_plan_key,
        is_deleted
    from newest
)

select * from final
