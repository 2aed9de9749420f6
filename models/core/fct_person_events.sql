with

event_days as (
    select * from {{ ref('int_identity__event_days_bound') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

event_times as (
    select
        person_id,
        group_id,
        event_name,
        {{ unnest_times('event_times') }} as event_at,
        received_date
    from event_days
),

final as (
    select
        event_times.person_id,
        coalesce(event_times.group_id, primary_accounts.account_id) as account_id,
        event_times.event_name,
        event_times.event_at,
        event_times.received_date
    from event_times
    left join primary_accounts on event_times.person_id = primary_accounts.person_id
)

select * from final
