with

event_days as (
    select * from {{ ref('int_identity__event_days_bound') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

person_days as (
    select
        person_id,
        activity_date,
        event_name,
        cast(sum(count_events) as bigint) as count_events,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at
    from event_days
    group by person_id, activity_date, event_name
),

final as (
    select
        person_days.person_id,
        primary_accounts.account_id,
        person_days.activity_date,
        person_days.event_name,
        person_days.count_events,
        person_days.first_event_at,
        person_days.last_event_at
    from person_days
    left join primary_accounts on person_days.person_id = primary_accounts.person_id
)

select * from final
