with

object_states as (
    select * from {{ ref('base_stripe__object_states') }}
    where object_type = 'invoice'
),

newest as (
    select
        object_id as invoice_id,
        {{ json_bool('object', 'lines.has_more') }} as has_more_lines,
        {{ json_struct('object', {'lines': {'data': [stripe_invoice_line_shape()]} }) }} as invoice
    from object_states
    -- an event carries ten lines at most: a pull with all of them tells more than a newer event
    qualify row_number() over (
        partition by object_id
        order by coalesce({{ json_bool('object', 'lines.has_more') }}, false), known_at desc, load_id desc, line_number desc
    ) = 1
),

lines_exploded as (
    select
        invoice_id,
        has_more_lines,
        {{ json_array_explode('invoice.lines.data') }}
    from newest
),

final as (
    select
        -- keys
        invoice_id,
        position as line_position,
        element.id as invoice_line_id,
        coalesce(
            {{ stripe_id('element.subscription') }},
            element.parent.subscription_item_details.subscription,
            element.parent.invoice_item_details.subscription
        ) as subscription_id,
        coalesce(
            element.subscription_item, element.parent.subscription_item_details.subscription_item
        ) as subscription_item_id,
        coalesce(
            {{ stripe_id('element.invoice_item') }},
            element.parent.invoice_item_details.invoice_item,
            element.parent.subscription_item_details.invoice_item
        ) as invoice_item_id,
        coalesce(
            element.price.id, {{ stripe_id('element.pricing.price_details.price') }}, element.plan.id
        ) as price_id,
        coalesce(
            {{ stripe_id('element.price.product') }},
            element.pricing.price_details.product,
            {{ stripe_id('element.plan.product') }}
        ) as product_id,
        -- attributes
        case
            when element.parent.type = 'subscription_item_details' or element.type = 'subscription'
                then 'subscription'
            when element.parent.type = 'invoice_item_details' or element.type = 'invoiceitem'
                then 'invoice_item'
        end as line_type,
        element.description as description,
        upper(element.currency) as currency,
        coalesce(
            element.proration,
            element.parent.subscription_item_details.proration,
            element.parent.invoice_item_details.proration,
            false
        ) as is_proration,
        not coalesce(has_more_lines, false) as is_invoice_complete,
        element.price.type as price_type,
        coalesce(element.price.recurring.usage_type, element.plan.usage_type) as usage_type,
        -- measures
        element.quantity as quantity,
        element.amount as amount_cents,
        {{ stripe_amount('element.amount', 'element.currency') }} as amount,
        {{ sum_of_elements('element.discount_amounts', 'part.amount') }} as discount_cents,
        -- tax inside the amount; newer API versions name it otherwise
        {{ sum_of_elements('element.tax_amounts', 'case when part.inclusive then part.amount else 0 end') }}
        + {{ sum_of_elements('element.taxes', "case when part.tax_behavior = 'inclusive' then part.amount else 0 end") }}
            as inclusive_tax_cents,
        -- times
        {{ epoch_seconds_at('element.period.start') }} as period_started_at,
        {{ epoch_seconds_at('element.period.end') }} as period_ended_at
    from lines_exploded
)

select * from final
