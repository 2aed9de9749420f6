with

newest_objects as (
    select * from {{ ref('base_stripe__newest_objects') }}
),

read_out as (
    select
        object_id as credit_note_id,
        object,
        {{ json_text('object', 'currency') }} as currency,
        {{ json_number('object', 'subtotal', 'bigint') }} as subtotal_cents,
        {{ json_number('object', 'total', 'bigint') }} as total_cents
    from newest_objects
    where object_type = 'credit_note'
),

final as (
    select
        -- keys
        credit_note_id,
        {{ stripe_id(json_text('object', 'invoice')) }} as invoice_id,
        {{ stripe_id(json_text('object', 'customer')) }} as customer_id,
        -- newer API versions link any number of refunds
        coalesce(
            {{ stripe_id(json_text('object', 'refund')) }},
            {{ stripe_id(json_text('object', 'refunds[0].refund')) }}
        ) as refund_id,
        -- attributes
        {{ json_text('object', 'status') }} as credit_note_status,
        {{ json_text('object', 'type') }} as credit_note_type,
        {{ json_text('object', 'reason') }} as reason,
        upper(currency) as currency,
        -- measures
        subtotal_cents,
        coalesce({{ json_number('object', 'discount_amount', 'bigint') }}, 0) as discount_cents,
        total_cents,
        coalesce(
            {{ json_number('object', 'total_excluding_tax', 'bigint') }},
            total_cents - coalesce(
                {{ sum_of_elements(
                    json_struct('object', {'tax_amounts': [{'amount': 'bigint'}]}) ~ '.tax_amounts', 'part.amount'
                ) }}, 0
            )
        ) as net_cents,
        {{ stripe_amount('subtotal_cents', 'currency') }} as subtotal,
        {{ stripe_amount('total_cents', 'currency') }} as total,
        -- times
        {{ epoch_seconds_at(json_number('object', 'created', 'bigint')) }} as created_at,
        {{ epoch_seconds_at(
            'coalesce(' ~ json_number('object', 'effective_at', 'bigint') ~ ', '
            ~ json_number('object', 'created', 'bigint') ~ ')'
        ) }} as effective_at,
        {{ epoch_seconds_at(json_number('object', 'voided_at', 'bigint')) }} as voided_at
    from read_out
)

select * from final
