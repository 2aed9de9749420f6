with

newest_objects as (
    select * from {{ ref('base_stripe__newest_objects') }}
),

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
),

completions as (
    -- the session itself does not say when it was completed
    select
        object_id as checkout_session_id,
        min(created_at) as completed_at
    from stripe_events
    where event_type = 'checkout.session.completed'
    group by object_id
),

read_out as (
    select
        object_id as checkout_session_id,
        object,
        {{ json_text('object', 'currency') }} as currency,
        {{ json_number('object', 'amount_subtotal', 'bigint') }} as amount_subtotal_cents,
        {{ json_number('object', 'amount_total', 'bigint') }} as amount_total_cents
    from newest_objects
    where object_type = 'checkout.session'
),

final as (
    select
        -- keys
        read_out.checkout_session_id,
        {{ stripe_id(json_text('object', 'customer')) }} as customer_id,
        {{ stripe_id(json_text('object', 'subscription')) }} as subscription_id,
        {{ stripe_id(json_text('object', 'payment_intent')) }} as payment_intent_id,
        {{ stripe_id(json_text('object', 'invoice')) }} as invoice_id,
        nullif(trim({{ json_text('object', 'client_reference_id') }}), '') as client_reference_id,
        nullif(trim({{ json_text('object', 'metadata.account_id') }}), '') as metadata_account_id,
        nullif(
            lower(trim(coalesce(
                {{ json_text('object', 'customer_details.email') }},
                {{ json_text('object', 'customer_email') }}
            ))), ''
        ) as email,
        -- attributes
        {{ json_text('object', 'mode') }} as checkout_mode,
        {{ json_text('object', 'status') }} as checkout_status,
        {{ json_text('object', 'payment_status') }} as payment_status,
        upper(currency) as currency,
        -- measures
        amount_subtotal_cents,
        {{ json_number('object', 'total_details.amount_discount', 'bigint') }} as discount_cents,
        amount_total_cents,
        {{ stripe_amount('amount_total_cents', 'currency') }} as amount_total,
        -- times
        {{ epoch_seconds_at(json_number('object', 'created', 'bigint')) }} as created_at,
        {{ epoch_seconds_at(json_number('object', 'expires_at', 'bigint')) }} as expires_at,
        completions.completed_at
    from read_out
    left join completions on read_out.checkout_session_id = completions.checkout_session_id
)

select * from final
