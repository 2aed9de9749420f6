with

newest_objects as (
    select * from {{ ref('base_stripe__newest_objects') }}
),

credit_notes as (
    select
        object_id as credit_note_id,
        {{ stripe_id(json_text('object', 'refund')) }} as refund_id,
        {{ json_struct('object', {'refunds': [{'refund': 'text'}]}) }} as credit_note
    from newest_objects
    where object_type = 'credit_note'
),

refunds_exploded as (
    select
        credit_note_id,
        {{ json_array_explode('credit_note.refunds') }}
    from credit_notes
),

final as (
    select
        credit_note_id,
        refund_id
    from credit_notes
    where refund_id is not null

    union

    select
        credit_note_id,
        {{ stripe_id('element.refund') }} as refund_id
    from refunds_exploded
    where element.refund is not null
)

select * from final
