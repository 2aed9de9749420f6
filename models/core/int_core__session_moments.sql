with

spans as (
    select * from {{ ref('stg_events__activity_spans') }}
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
        coalesce(anonymous_id, '') as device_key
    from {{ ref('int_core__person_touches') }}
    -- two at one moment: the one with the smaller id, so that every build says the same
    qualify
        row_number() over (
            partition by person_id, coalesce(anonymous_id, ''), touched_at
            order by message_id
        ) = 1
),

spans_bound as (
    -- nobody's yet: anonymous on a shared device
    select
        spans.*,
        coalesce(spans.anonymous_id, '') as device_key,
        coalesce(
            user_people.person_id,
            case when not devices.is_shared then devices.person_id end
        ) as person_id
    from spans
    left join user_people on spans.user_id = user_people.user_id
    left join devices on spans.anonymous_id = devices.anonymous_id
),

spans_entered as (
    -- somebody comes in from outside within the span
    select distinct
        spans_bound.person_id,
        spans_bound.user_id,
        spans_bound.anonymous_id,
        spans_bound.group_id,
        spans_bound.received_date,
        spans_bound.started_at
    from spans_bound
    inner join entries
        on
            spans_bound.person_id = entries.person_id
            and spans_bound.device_key = entries.device_key
            and entries.touched_at > spans_bound.started_at
            and entries.touched_at <= spans_bound.ended_at
),

spans_marked as (
    select
        spans_bound.*,
        spans_bound.person_id is null or spans_entered.person_id is not null as is_opened
    from spans_bound
    left join spans_entered
        on
            spans_bound.person_id = spans_entered.person_id
            and spans_bound.started_at = spans_entered.started_at
            and spans_bound.received_date = spans_entered.received_date
            and spans_bound.user_id is not distinct from spans_entered.user_id
            and spans_bound.anonymous_id is not distinct from spans_entered.anonymous_id
            and spans_bound.group_id is not distinct from spans_entered.group_id
),

days_of_opened_spans as (
    select
        spans_marked.person_id,
        spans_marked.device_key,
        spans_marked.user_id,
        spans_marked.anonymous_id,
        spans_marked.group_id,
        spans_marked.started_at,
        spans_marked.ended_at,
        {{ is_page_event('event_days.event_name') }} as is_page,
        {{ unnest_times('event_days.event_times') }} as event_at
    from spans_marked
    inner join event_days
        on
            spans_marked.received_date = event_days.received_date
            and spans_marked.user_id is not distinct from event_days.user_id
            and spans_marked.anonymous_id is not distinct from event_days.anonymous_id
            and spans_marked.group_id is not distinct from event_days.group_id
            and spans_marked.started_at <= event_days.last_event_at
            and spans_marked.ended_at >= event_days.first_event_at
    where spans_marked.is_opened and {{ is_in_sessions('event_days.event_name') }}
),

events_of_opened_spans as (
    select
        coalesce(days_of_opened_spans.person_id, device_spans.person_id) as person_id,
        days_of_opened_spans.device_key,
        days_of_opened_spans.user_id,
        days_of_opened_spans.group_id,
        days_of_opened_spans.is_page,
        days_of_opened_spans.event_at
    from days_of_opened_spans
    left join device_spans
        on
            days_of_opened_spans.anonymous_id = device_spans.anonymous_id
            and days_of_opened_spans.event_at >= device_spans.valid_from
            and days_of_opened_spans.event_at < device_spans.valid_to
    where
        days_of_opened_spans.event_at >= days_of_opened_spans.started_at
        and days_of_opened_spans.event_at <= days_of_opened_spans.ended_at
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
    from spans_marked
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
    from events_of_opened_spans
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
