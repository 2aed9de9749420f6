with

newest_objects as (
    select * from {{ ref('base_stripe__newest_objects') }}
),

final as (
    select
        -- keys
        object_id as promotion_code_id,
        -- the coupon moved under `promotion` in 2025
        coalesce(
            {{ stripe_id(json_text('object', 'coupon')) }},
            {{ stripe_id(json_text('object', 'promotion.coupon')) }}
        ) as coupon_id,
        {{ stripe_id(json_text('object', 'customer')) }} as customer_id,
        -- attributes
        {{ json_text('object', 'code') }} as promotion_code,
        coalesce({{ json_bool('object', 'active') }}, true) as is_active,
        -- measures
        {{ json_number('object', 'times_redeemed', 'bigint') }} as count_redemptions,
        -- times
        {{ epoch_seconds_at(json_number('object', 'created', 'bigint')) }} as created_at,
        {{ epoch_seconds_at(json_number('object', 'expires_at', 'bigint')) }} as expires_at
    from newest_objects
    where object_type = 'promotion_code'
)

select * from final
