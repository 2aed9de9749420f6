with

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

signed_in_or_on_own_device as (
    -- who is signed in, else whose device it is: one join of both, not a union of two. DuckDB
    -- 2.0.0 stops with an internal error ("global dictionary column changed identity") where
    -- a union of joins is joined again, from some millions of events on
    select
        coalesce(user_people.person_id, devices.person_id) as person_id,
        event_days.user_id,
        event_days.anonymous_id,
        event_days.group_id,
        event_days.event_name,
        event_days.activity_date,
        event_days.received_date,
        case
            when event_days.user_id is null then greatest(event_days.received_date, devices.known_date)
            else event_days.received_date
        end as known_date,
        event_days.count_events,
        event_days.count_stretches,
        event_days.first_event_at,
        event_days.last_event_at,
        event_days.event_times
    from event_days
    left join user_people on event_days.user_id = user_people.user_id
    left join devices on event_days.anonymous_id = devices.anonymous_id
    where event_days.user_id is not null or not devices.is_shared
),

anonymous_times_on_shared_device as (
    select
        event_days.anonymous_id,
        event_days.group_id,
        event_days.event_name,
        event_days.activity_date,
        event_days.received_date,
        {{ unnest_times('event_days.event_times') }} as event_at
    from event_days
    inner join devices on event_days.anonymous_id = devices.anonymous_id
    where event_days.user_id is null and devices.is_shared
),

anonymous_times_by_person as (
    -- to whoever was signed in last
    select
        device_spans.person_id,
        cast(null as varchar) as user_id,
        times.anonymous_id,
        times.group_id,
        times.event_name,
        times.activity_date,
        times.received_date,
        greatest(times.received_date, max(devices.known_date)) as known_date,
        count(*) as count_events,
        min(times.event_at) as first_event_at,
        max(times.event_at) as last_event_at,
        {{ collect_times('times.event_at') }} as event_times
    from anonymous_times_on_shared_device as times
    inner join device_spans
        on
            times.anonymous_id = device_spans.anonymous_id
            and times.event_at >= device_spans.valid_from
            and times.event_at < device_spans.valid_to
    inner join devices on times.anonymous_id = devices.anonymous_id
    group by
        device_spans.person_id,
        times.anonymous_id,
        times.group_id,
        times.event_name,
        times.activity_date,
        times.received_date
),

anonymous_on_shared_device as (
    select
        person_id,
        user_id,
        anonymous_id,
        group_id,
        event_name,
        activity_date,
        received_date,
        known_date,
        count_events,
        cast({{ count_stretches('event_times', var('session_gap_minutes')) }} as bigint) as count_stretches,
        first_event_at,
        last_event_at,
        event_times
    from anonymous_times_by_person
),

final as (
    select * from signed_in_or_on_own_device
    union all
    select * from anonymous_on_shared_device
)

select * from final
