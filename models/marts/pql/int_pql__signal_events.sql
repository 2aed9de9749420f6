with

signals as (
    select * from {{ ref('int_pql__signals') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

event_names as (
    select
        event_name,
        is_product_activity
    from event_registry
    union all
    -- tickets come from the help desk, not from the product
    select
        'support_ticket_opened' as event_name,
        false as is_product_activity
),

final as (
    select
        signals.model_key,
        signals.signal_key,
        event_names.event_name
    from signals
    inner join event_names
        on
            (signals.event_names = '*' and event_names.is_product_activity)
            or strpos(concat(';', signals.event_names, ';'), concat(';', event_names.event_name, ';')) > 0
    where signals.event_names is not null
)

select * from final
