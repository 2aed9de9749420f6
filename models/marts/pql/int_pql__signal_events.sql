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
        is_product_activity,
        is_power_feature
    from event_registry
    union all
    -- tickets come from the help desk, not from the product
    select
        'support_ticket_opened' as event_name,
        false as is_product_activity,
        false as is_power_feature
    union all
    select
        'quota_reported' as event_name,
        false as is_product_activity,
        false as is_power_feature
),

final as (
    select
        signals.model_key,
        signals.signal_key,
        event_names.event_name,
        'counts' as role
    from signals
    inner join event_names
        on
            (signals.event_names = '*' and event_names.is_product_activity)
            or (signals.event_names = '*power' and event_names.is_power_feature)
            or strpos(concat(';', signals.event_names, ';'), concat(';', event_names.event_name, ';')) > 0
    where signals.event_names is not null
    union all
    select
        signals.model_key,
        signals.signal_key,
        event_names.event_name,
        'ends' as role
    from signals
    inner join event_names
        on strpos(concat(';', signals.unless_event_names, ';'), concat(';', event_names.event_name, ';')) > 0
    where signals.unless_event_names is not null
)

select * from final
