-- The owner's open hand-offs, counted anew from the history of states alone, are at no moment more
-- than the capacity, and what the event itself says of both is true. What an earlier build decided
-- stands, also where by what is known now there was no room; such events are flagged.
with

events as (
    select * from {{ ref('fct_handoff_events') }}
    where handoff_id is not null
),

owners_changed as (
    select
        event_number,
        owner_id,
        lag(owner_id) over (partition by handoff_id order by event_number) as owner_before_id
    from events
    where event in ('assigned', 'reassigned')
),

steps as (
    select
        event_number,
        owner_id,
        1 as change
    from owners_changed
    union all
    select
        event_number,
        owner_before_id as owner_id,
        -1 as change
    from owners_changed
    where owner_before_id is not null
    union all
    select
        event_number,
        owner_id,
        -1 as change
    from events
    where
        is_applied
        and event = 'moved'
        and to_status in ('won', 'lost', 'rejected', 'expired')
        and owner_id is not null
),

counted as (
    select
        event_number,
        owner_id,
        sum(change) over (partition by owner_id order by event_number) as open_handoffs
    from steps
)

select
    counted.event_number,
    counted.owner_id,
    counted.open_handoffs,
    events.count_open_after,
    events.capacity
from counted
inner join events
    on
        counted.event_number = events.event_number
        and counted.owner_id = events.owner_id
where
    events.event in ('assigned', 'reassigned')
    and (
        counted.open_handoffs <> events.count_open_after
        or (counted.open_handoffs > events.capacity and events.flag is null)
    )
