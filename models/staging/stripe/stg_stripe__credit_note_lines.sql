with

newest_objects as (
    select * from {{ ref('base_stripe__newest_objects') }}
),

credit_notes as (
    select
        object_id as credit_note_id,
        {{ json_struct('object', {'lines': {'data': [stripe_credit_note_line_shape()]} }) }} as credit_note
    from newest_objects
    where object_type = 'credit_note'
),

lines_exploded as (
    select
        credit_note_id,
        {{ json_array_explode('credit_note.lines.data') }}
    from credit_notes
),

final as (
    select
        -- keys
        credit_note_id,
        position as line_position,
        element.id as credit_note_line_id,
        element.invoice_line_item as invoice_line_id,
        -- attributes
        element.type as line_type,
        -- measures
        element.amount as amount_cents,
        element.amount
        - coalesce(element.discount_amount, {{ sum_of_elements('element.discount_amounts', 'part.amount') }})
        - {{ sum_of_elements('element.tax_amounts', 'case when part.inclusive then part.amount else 0 end') }}
        - {{ sum_of_elements('element.taxes', "case when part.tax_behavior = 'inclusive' then part.amount else 0 end") }}
            as net_cents
    from lines_exploded
)

select * from final
