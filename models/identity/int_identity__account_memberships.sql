with

event_days as (
    select * from {{ ref('int_identity__event_days_bound') }}
),

groups as (
    select * from {{ ref('stg_events__groups') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

evidence as (
    select
        group_id as account_id,
        person_id,
        count_events,
        first_event_at as first_seen_at,
        last_event_at as last_seen_at,
        known_date
    from event_days
    where group_id is not null
    union all
    select
        groups.group_id as account_id,
        coalesce(user_people.person_id, devices.person_id) as person_id,
        0 as count_events,
        groups.first_grouped_at as first_seen_at,
        groups.last_grouped_at as last_seen_at,
        case
            when groups.user_id is null then greatest(groups.received_date, devices.known_date)
            else groups.received_date
        end as known_date
    from groups
    left join user_people on groups.user_id = user_people.user_id
    left join devices on groups.anonymous_id = devices.anonymous_id
),

final as (
    select
        account_id,
        person_id,
        cast(sum(count_events) as bigint) as count_events,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(known_date) as known_date
    from evidence
    group by account_id, person_id
)

select * from final
