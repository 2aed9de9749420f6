with

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
),

failures_once as (
    select *
    from stripe_events
    where
        event_type = 'invoice.payment_failed'
        and coalesce(is_livemode, true)
    qualify row_number() over (partition by event_id order by load_id, line_number) = 1
),

final as (
    select
        -- keys
        event_id,
        object_id as invoice_id,
        {{ stripe_id(json_text('object', 'customer')) }} as customer_id,
        -- moved under `parent` in 2025
        coalesce(
            {{ stripe_id(json_text('object', 'subscription')) }},
            {{ stripe_id(json_text('object', 'parent.subscription_details.subscription')) }}
        ) as subscription_id,
        -- attributes
        coalesce(
            {{ json_text('object', 'last_payment_error.decline_code') }},
            {{ json_text('object', 'last_payment_error.code') }},
            {{ json_text('object', 'last_finalization_error.code') }}
        ) as failure_reason,
        -- measures
        {{ json_number('object', 'attempt_count', 'bigint') }} as attempt_number,
        {{ json_number('object', 'amount_remaining', 'bigint') }} as amount_remaining_cents,
        -- times
        created_at as failed_at,
        received_at as known_at,
        {{ epoch_seconds_at(json_number('object', 'next_payment_attempt', 'bigint')) }} as next_payment_attempt_at
    from failures_once
)

select * from final
