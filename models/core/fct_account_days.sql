with

event_days as (
    select * from {{ ref('int_identity__event_days_bound') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

event_days_with_account as (
    -- the account the event names, else the person's own
    select
        coalesce(event_days.group_id, primary_accounts.account_id) as account_id,
        event_days.person_id,
        event_days.activity_date,
        event_days.event_name,
        event_days.received_date,
        greatest(
            event_days.known_date,
            case when event_days.group_id is null then primary_accounts.known_date end
        ) as known_date,
        event_days.count_events,
        event_days.count_stretches,
        event_days.first_event_at,
        event_days.last_event_at
    from event_days
    left join primary_accounts on event_days.person_id = primary_accounts.person_id
),

final as (
    select
        account_id,
        person_id,
        activity_date,
        event_name,
        received_date,
        known_date,
        cast(sum(count_events) as bigint) as count_events,
        cast(sum(count_stretches) as bigint) as count_stretches,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at
    from event_days_with_account
    where account_id is not null
    group by account_id, person_id, activity_date, event_name, received_date, known_date
)

select * from final
