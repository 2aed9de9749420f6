with

newest_objects as (
    select * from {{ ref('base_stripe__newest_objects') }}
),

read_out as (
    select
        object_id as payment_intent_id,
        object,
        {{ json_text('object', 'currency') }} as currency,
        {{ json_number('object', 'amount', 'bigint') }} as amount_cents,
        {{ json_number('object', 'amount_received', 'bigint') }} as amount_received_cents
    from newest_objects
    where object_type = 'payment_intent'
),

final as (
    select
        -- keys
        payment_intent_id,
        {{ stripe_id(json_text('object', 'customer')) }} as customer_id,
        -- API versions since 2025 keep a payment's invoice with the invoice only
        {{ stripe_id(json_text('object', 'invoice')) }} as invoice_id,
        -- before 2022 every attempt's charge was listed, newest first
        coalesce(
            {{ stripe_id(json_text('object', 'latest_charge')) }},
            {{ json_text('object', 'charges.data[0].id') }}
        ) as latest_charge_id,
        -- attributes
        {{ json_text('object', 'status') }} as payment_status,
        {{ json_text('object', 'cancellation_reason') }} as cancellation_reason,
        coalesce(
            {{ json_text('object', 'last_payment_error.decline_code') }},
            {{ json_text('object', 'last_payment_error.code') }}
        ) as failure_reason,
        upper(currency) as currency,
        -- measures
        amount_cents,
        amount_received_cents,
        {{ stripe_amount('amount_cents', 'currency') }} as amount,
        {{ stripe_amount('amount_received_cents', 'currency') }} as amount_received,
        -- times
        {{ epoch_seconds_at(json_number('object', 'created', 'bigint')) }} as created_at,
        {{ epoch_seconds_at(json_number('object', 'canceled_at', 'bigint')) }} as canceled_at
    from read_out
)

select * from final
