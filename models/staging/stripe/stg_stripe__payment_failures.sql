with

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
),

failures_once as (
    select *
    from stripe_events
    where
        event_type in ('invoice.payment_failed', 'payment_intent.payment_failed')
        and coalesce(is_livemode, true)
    qualify row_number() over (partition by event_id order by load_id, line_number) = 1
),

final as (
    select
        -- keys
        event_id,
        case
            when event_type = 'invoice.payment_failed' then object_id
            else {{ stripe_id(json_text('object', 'invoice')) }}
        end as invoice_id,
        {{ stripe_id(json_text('object', 'customer')) }} as customer_id,
        -- moved under `parent` in 2025
        coalesce(
            {{ stripe_id(json_text('object', 'subscription')) }},
            {{ stripe_id(json_text('object', 'parent.subscription_details.subscription')) }}
        ) as subscription_id,
        -- an invoice names its payment until 2025, a payment itself always
        case
            when event_type = 'payment_intent.payment_failed' then object_id
            else {{ stripe_id(json_text('object', 'payment_intent')) }}
        end as payment_intent_id,
        coalesce(
            {{ stripe_id(json_text('object', 'last_payment_error.charge')) }},
            {{ stripe_id(json_text('object', 'latest_charge')) }},
            {{ stripe_id(json_text('object', 'charge')) }}
        ) as charge_id,
        -- attributes
        case when event_type = 'invoice.payment_failed' then 'invoice' else 'payment_intent' end as source,
        coalesce(
            {{ json_text('object', 'last_payment_error.decline_code') }},
            {{ json_text('object', 'last_payment_error.code') }},
            {{ json_text('object', 'last_finalization_error.decline_code') }},
            {{ json_text('object', 'last_finalization_error.code') }}
        ) as failure_reason,
        -- measures
        {{ json_number('object', 'attempt_count', 'bigint') }} as attempt_number,
        case
            when event_type = 'invoice.payment_failed'
                then {{ json_number('object', 'amount_remaining', 'bigint') }}
            else {{ json_number('object', 'amount', 'bigint') }}
        end as amount_remaining_cents,
        -- times
        created_at as failed_at,
        received_at as known_at,
        {{ epoch_seconds_at(json_number('object', 'next_payment_attempt', 'bigint')) }} as next_payment_attempt_at
    from failures_once
)

select * from final
