with

event_registry as (
    select * from {{ ref('event_registry') }}
),

final as (
    select
        {{ split_to_rows('replaces') }} as old_event_name,
        event_name
    from event_registry
    where replaces is not null
)

select * from final
