with

newest_objects as (
    select * from {{ ref('base_stripe__newest_objects') }}
),

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
),

outcomes as (
    -- the charge itself says when it was tried; a bank debit may fail days later
    select
        object_id as charge_id,
        min(case when event_type = 'charge.failed' then created_at end) as failed_at,
        min(case when event_type = 'charge.succeeded' then created_at end) as succeeded_at
    from stripe_events
    where
        event_type in ('charge.failed', 'charge.succeeded')
        and coalesce(is_livemode, true)
    group by object_id
),

read_out as (
    select
        object_id as charge_id,
        object,
        {{ json_text('object', 'status') }} as charge_status,
        {{ json_text('object', 'currency') }} as currency,
        {{ json_number('object', 'amount', 'bigint') }} as amount_cents,
        {{ json_number('object', 'amount_refunded', 'bigint') }} as amount_refunded_cents
    from newest_objects
    where object_type = 'charge'
),

final as (
    select
        -- keys
        read_out.charge_id,
        {{ stripe_id(json_text('object', 'customer')) }} as customer_id,
        {{ stripe_id(json_text('object', 'payment_intent')) }} as payment_intent_id,
        -- API versions since 2025 keep a charge's invoice with the invoice only
        {{ stripe_id(json_text('object', 'invoice')) }} as invoice_id,
        -- attributes
        charge_status,
        -- the decline code (a charge that went through has a reason too: why it was looked at),
        -- else the error's, else the number the network gave
        case
            when charge_status = 'failed'
                then
                    coalesce(
                        {{ json_text('object', 'outcome.reason') }},
                        {{ json_text('object', 'failure_code') }},
                        {{ json_text('object', 'outcome.network_decline_code') }}
                    )
        end as failure_reason,
        {{ json_text('object', 'payment_method_details.type') }} as payment_method_type,
        upper(currency) as currency,
        coalesce({{ json_bool('object', 'captured') }}, true) as is_captured,
        coalesce({{ json_bool('object', 'disputed') }}, false) as is_disputed,
        coalesce({{ json_bool('object', 'refunded') }}, false) as is_refunded,
        -- measures
        amount_cents,
        coalesce({{ json_number('object', 'amount_captured', 'bigint') }}, amount_cents) as amount_captured_cents,
        amount_refunded_cents,
        {{ stripe_amount('amount_cents', 'currency') }} as amount,
        {{ stripe_amount('amount_refunded_cents', 'currency') }} as amount_refunded,
        -- times
        {{ epoch_seconds_at(json_number('object', 'created', 'bigint')) }} as created_at,
        outcomes.failed_at,
        outcomes.succeeded_at
    from read_out
    left join outcomes on read_out.charge_id = outcomes.charge_id
)

select * from final
