with

discovery_people as (
    select * from {{ ref('int_activation__discovery_people') }}
),

event_days as (
    select * from {{ ref('int_identity__event_days_bound') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

audience_ignored_events as (
    select * from {{ ref('audience_ignored_events') }}
),

milestone_discovery_settings as (
    select * from {{ ref('milestone_discovery_settings') }}
),

windows as (
    select cast(value as integer) as window_days
    from milestone_discovery_settings
    where setting = 'window_days'
),

longest_window as (
    select max(window_days) as window_days
    from windows
),

early_days as (
    -- whole days before single times: few of all events are early ones
    select
        event_days.person_id,
        event_days.event_name,
        event_days.event_times
    from discovery_people
    cross join longest_window
    inner join event_days
        on
            discovery_people.person_id = event_days.person_id
            and event_days.activity_date >= cast(discovery_people.signed_up_at as date)
            and event_days.activity_date
            <= {{ add_days('discovery_people.signed_up_at', 'longest_window.window_days') }}
    left join audience_ignored_events
        on event_days.event_name = audience_ignored_events.event_name
    where audience_ignored_events.event_name is null
),

early_events as (
    select
        person_id,
        event_name,
        {{ unnest_times('event_times') }} as event_at
    from early_days
),

final as (
    select
        early_events.person_id,
        early_events.event_name,
        windows.window_days,
        count(*) as count_events,
        -- looking at prices, buying and errors may foretell staying; they are not value
        max(case
            when event_registry.category in ('identity', 'upgrade_intent', 'friction') then 0
            when not event_registry.is_product_activity then 0
            else 1
        end) = 1 as is_value_event
    from early_events
    inner join discovery_people
        on early_events.person_id = discovery_people.person_id
    cross join windows
    left join event_registry
        on early_events.event_name = event_registry.event_name
    where
        early_events.event_at >= discovery_people.signed_up_at
        and early_events.event_at < {{ add_hours('discovery_people.signed_up_at', '24 * windows.window_days') }}
    group by early_events.person_id, early_events.event_name, windows.window_days
)

select * from final
