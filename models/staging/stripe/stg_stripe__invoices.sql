with

object_states as (
    select * from {{ ref('base_stripe__object_states') }}
    where object_type = 'invoice'
),

newest as (
    select *
    from object_states
    qualify row_number() over (
        partition by object_id
        order by
            known_at desc,
            is_deleted desc,
            -- made, finalised and paid in one second: the furthest holds
            case {{ json_text('object', 'status') }}
                when 'void' then 4 when 'paid' then 3 when 'uncollectible' then 2 when 'open' then 1 else 0
            end desc,
            load_id desc,
            line_number desc
    ) = 1
),

final as (
    select
        -- keys
        object_id as invoice_id,
        {{ stripe_id(json_text('object', 'customer')) }} as customer_id,
        -- moved under `parent` in 2025
        coalesce(
            {{ stripe_id(json_text('object', 'subscription')) }},
            {{ stripe_id(json_text('object', 'parent.subscription_details.subscription')) }}
        ) as subscription_id,
        -- API versions since 2025 list the payments of an invoice instead
        coalesce(
            {{ stripe_id(json_text('object', 'charge')) }},
            {{ stripe_id(json_text('object', 'payments.data[0].payment.charge')) }}
        ) as charge_id,
        coalesce(
            {{ stripe_id(json_text('object', 'payment_intent')) }},
            {{ stripe_id(json_text('object', 'payments.data[0].payment.payment_intent')) }}
        ) as payment_intent_id,
        -- attributes
        {{ json_text('object', 'status') }} as invoice_status,
        {{ json_text('object', 'billing_reason') }} as billing_reason,
        {{ json_text('object', 'collection_method') }} as collection_method,
        coalesce({{ json_bool('object', 'paid_out_of_band') }}, false) as is_paid_out_of_band,
        is_deleted,
        upper({{ json_text('object', 'currency') }}) as currency,
        -- measures
        {{ json_number('object', 'subtotal', 'bigint') }} as subtotal_cents,
        case
            -- API versions before 2020 do not list discounts
            when
                {{ json_text('object', 'total_discount_amounts') }} is null
                and {{ json_text('object', 'discount.coupon') }} is not null
                then
                    {{ json_number('object', 'subtotal', 'bigint') }}
                    + coalesce({{ json_number('object', 'tax', 'bigint') }}, 0)
                    - {{ json_number('object', 'total', 'bigint') }}
            else
                {{ sum_of_elements(
                    json_struct('object', {'total_discount_amounts': [{'amount': 'bigint'}]}) ~ '.total_discount_amounts',
                    'part.amount'
                ) }}
        end as discount_cents,
        -- newer API versions list taxes one by one
        coalesce(
            {{ json_number('object', 'tax', 'bigint') }},
            {{ json_number('object', 'total', 'bigint') }} - {{ json_number('object', 'total_excluding_tax', 'bigint') }}
        ) as tax_cents,
        {{ json_number('object', 'total', 'bigint') }} as total_cents,
        {{ json_number('object', 'amount_due', 'bigint') }} as amount_due_cents,
        {{ json_number('object', 'amount_paid', 'bigint') }} as amount_paid_cents,
        {{ json_number('object', 'amount_remaining', 'bigint') }} as amount_remaining_cents,
        -- the customer's balance before and after: below zero is credit the customer has with us
        {{ json_number('object', 'ending_balance', 'bigint') }}
        - {{ json_number('object', 'starting_balance', 'bigint') }} as applied_balance_cents,
        {{ json_number('object', 'attempt_count', 'bigint') }} as count_attempts,
        -- times
        {{ epoch_seconds_at(json_number('object', 'created', 'bigint')) }} as created_at,
        {{ epoch_seconds_at(json_number('object', 'period_start', 'bigint')) }} as period_started_at,
        {{ epoch_seconds_at(json_number('object', 'period_end', 'bigint')) }} as period_ended_at,
        {{ epoch_seconds_at(json_number('object', 'status_transitions.paid_at', 'bigint')) }} as paid_at,
        {{ epoch_seconds_at(json_number('object', 'status_transitions.finalized_at', 'bigint')) }} as finalized_at,
        {{ epoch_seconds_at(json_number('object', 'status_transitions.voided_at', 'bigint')) }} as voided_at,
        {{ epoch_seconds_at(json_number('object', 'status_transitions.marked_uncollectible_at', 'bigint')) }}
            as marked_uncollectible_at,
        {{ epoch_seconds_at(json_number('object', 'due_date', 'bigint')) }} as due_at,
        {{ epoch_seconds_at(json_number('object', 'next_payment_attempt', 'bigint')) }} as next_payment_attempt_at,
        known_at
    from newest
)

select * from final
