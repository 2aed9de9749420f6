with

newest_objects as (
    select * from {{ ref('base_stripe__newest_objects') }}
),

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
),

charges as (
    select
        object,
        known_at
    from newest_objects
    where object_type = 'charge'

    union all

    -- a newer state of the charge may come from an API version that lists no refunds
    select
        object,
        created_at as known_at
    from stripe_events
    where
        event_type = 'charge.refunded'
        and coalesce(is_livemode, true)
),

charges_with_refunds as (
    select
        {{ json_struct('object', {'refunds': {'data': [stripe_refund_shape()]} }) }} as charge,
        known_at
    from charges
),

refunds_of_charges as (
    -- API versions before 2022 tell of a refund in its charge only
    select
        known_at,
        {{ json_array_explode('charge.refunds.data') }}
    from charges_with_refunds
),

states as (
    select
        {{ json_struct('object', stripe_refund_shape()) }} as refund,
        known_at,
        0 as source_rank
    from newest_objects
    where object_type = 'refund'

    union all

    select
        element as refund,
        known_at,
        1 as source_rank
    from refunds_of_charges
),

newest as (
    select *
    from states
    where refund.id is not null
    qualify row_number() over (partition by refund.id order by known_at desc, source_rank) = 1
),

final as (
    select
        -- keys
        refund.id as refund_id,
        {{ stripe_id('refund.charge') }} as charge_id,
        {{ stripe_id('refund.payment_intent') }} as payment_intent_id,
        -- attributes
        refund.status as refund_status,
        refund.reason as reason,
        refund.failure_reason as failure_reason,
        upper(refund.currency) as currency,
        -- measures
        refund.amount as amount_cents,
        {{ stripe_amount('refund.amount', 'refund.currency') }} as amount,
        -- times
        {{ epoch_seconds_at('refund.created') }} as created_at
    from newest
)

select * from final
