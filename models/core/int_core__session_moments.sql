with

slots as (
    select * from {{ ref('stg_events__activity_slots') }}
),

event_days as (
    select * from {{ ref('stg_events__event_days') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

device_spans as (
    select * from {{ ref('int_identity__device_spans') }}
),

entries as (
    select
        *,
        coalesce(anonymous_id, '') as device_key,
        {{ session_slot('touched_at') }} as slot_number
    from {{ ref('int_core__person_touches') }}
    -- two at one moment: the one with the smaller id, so that every build says the same
    qualify
        row_number() over (
            partition by person_id, coalesce(anonymous_id, ''), touched_at
            order by message_id
        ) = 1
),

entry_slots as (
    select
        person_id,
        device_key,
        slot_number,
        min(touched_at) as first_entry_at,
        max(touched_at) as last_entry_at
    from entries
    group by person_id, device_key, slot_number
),

slots_bound as (
    -- nobody's yet: anonymous on a shared device
    select
        slots.*,
        coalesce(slots.anonymous_id, '') as device_key,
        coalesce(
            user_people.person_id,
            case when not devices.is_shared then devices.person_id end
        ) as person_id
    from slots
    left join user_people on slots.user_id = user_people.user_id
    left join devices on slots.anonymous_id = devices.anonymous_id
),

slots_marked as (
    -- a slot is as good as its events, unless somebody comes in from outside within it
    select
        slots_bound.*,
        slots_bound.person_id is null
        or coalesce(
            entry_slots.first_entry_at <= slots_bound.ended_at
            and entry_slots.last_entry_at > slots_bound.started_at,
            false
        ) as is_opened
    from slots_bound
    left join entry_slots
        on
            slots_bound.person_id = entry_slots.person_id
            and slots_bound.device_key = entry_slots.device_key
            and slots_bound.slot_number = entry_slots.slot_number
),

days_of_opened_slots as (
    select
        slots_marked.person_id,
        slots_marked.device_key,
        slots_marked.user_id,
        slots_marked.anonymous_id,
        slots_marked.group_id,
        slots_marked.started_at,
        slots_marked.ended_at,
        {{ is_page_event('event_days.event_name') }} as is_page,
        {{ unnest_times('event_days.event_times') }} as event_at
    from slots_marked
    inner join event_days
        on
            slots_marked.received_date = event_days.received_date
            and slots_marked.user_id is not distinct from event_days.user_id
            and slots_marked.anonymous_id is not distinct from event_days.anonymous_id
            and slots_marked.group_id is not distinct from event_days.group_id
            and slots_marked.started_at <= event_days.last_event_at
            and slots_marked.ended_at >= event_days.first_event_at
    where slots_marked.is_opened and {{ is_in_sessions('event_days.event_name') }}
),

events_of_opened_slots as (
    select
        coalesce(days_of_opened_slots.person_id, device_spans.person_id) as person_id,
        days_of_opened_slots.device_key,
        days_of_opened_slots.user_id,
        days_of_opened_slots.group_id,
        days_of_opened_slots.is_page,
        days_of_opened_slots.event_at
    from days_of_opened_slots
    left join device_spans
        on
            days_of_opened_slots.anonymous_id = device_spans.anonymous_id
            and days_of_opened_slots.event_at >= device_spans.valid_from
            and days_of_opened_slots.event_at < device_spans.valid_to
    where
        days_of_opened_slots.event_at >= days_of_opened_slots.started_at
        and days_of_opened_slots.event_at <= days_of_opened_slots.ended_at
),

final as (
    select
        person_id,
        device_key,
        group_id,
        user_id is not null as is_signed_in,
        cast(null as varchar) as entry_message_id,
        cast(null as varchar) as entry_source,
        count_events,
        count_pages,
        started_at,
        ended_at
    from slots_marked
    where not is_opened
    union all
    select
        person_id,
        device_key,
        group_id,
        user_id is not null as is_signed_in,
        cast(null as varchar) as entry_message_id,
        cast(null as varchar) as entry_source,
        1 as count_events,
        case when is_page then 1 else 0 end as count_pages,
        event_at as started_at,
        event_at as ended_at
    from events_of_opened_slots
    union all
    select
        person_id,
        device_key,
        cast(null as varchar) as group_id,
        false as is_signed_in,
        message_id as entry_message_id,
        {{ hash_id('', 'channel', 'source', 'medium', 'campaign', 'term', 'content') }} as entry_source,
        -- the page call itself is counted above
        0 as count_events,
        0 as count_pages,
        touched_at as started_at,
        touched_at as ended_at
    from entries
)

select * from final
