-- Usage is conserved between the two daily facts: what the account fact does not count is
-- usage of people without any account, outside any group.
with

account_days as (
    select coalesce(sum(count_events), 0) as count_events
    from {{ ref('fct_account_days') }}
),

event_days as (
    select coalesce(sum(event_days.count_events), 0) as count_events
    from {{ ref('int_identity__event_days_bound') }} as event_days
    left join {{ ref('bridge_account_people') }} as account_people
        on
            event_days.person_id = account_people.person_id
            and account_people.is_primary
    where event_days.group_id is not null or account_people.account_id is not null
)

select
    account_days.count_events as count_in_account_days,
    event_days.count_events as count_expected
from account_days
cross join event_days
where account_days.count_events <> event_days.count_events
