with

object_states as (
    select * from {{ ref('base_stripe__object_states') }}
),

final as (
    select
        object_type,
        object_id,
        object,
        is_deleted,
        known_at
    from object_states
    where
        object_type in (
            'charge', 'checkout.session', 'coupon', 'credit_note', 'payment_intent', 'promotion_code', 'refund'
        )
    -- events of one second are told apart by the order they came in; nothing comes after a deletion
    qualify row_number() over (
        partition by object_type, object_id
        order by known_at desc, is_deleted desc, load_id desc, file_id desc, line_number desc
    ) = 1
)

select * from final
