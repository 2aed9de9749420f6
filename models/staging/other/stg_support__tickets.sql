with

support_tickets as (
    select * from {{ source('raw', 'support_tickets') }}
),

final as (
    select
        ticket_id,
        {{ clean_text('account') }} as account,
        {{ clean_text('requester') }} as requester,
        {{ clean_email('requester') }} as requester_email,
        lower({{ clean_text('channel') }}) as channel,
        coalesce(lower({{ clean_text('deflected_by') }}), 'none') as deflected_by,
        opened_at,
        first_response_at,
        resolved_at
    from support_tickets
    -- a ticket sent again replaces what was sent before
    qualify
        row_number() over (
            partition by ticket_id
            order by load_id desc, file_id desc, line_number desc
        ) = 1
)

select * from final
