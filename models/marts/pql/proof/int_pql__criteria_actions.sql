with

members as (
    select * from {{ ref('int_pql__criteria_members') }}
),

account_days as (
    select * from {{ ref('fct_account_days') }}
),

windows as (
    select * from {{ ref('pql_criteria_windows') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

final as (
    -- days before the reference date, which itself never counts: a payment is no sign of itself
    select
        members.conversion_account_id,
        members.account_id,
        windows.window_key,
        account_days.event_name,
        cast(sum(account_days.count_events) as bigint) as count_events
    from members
    inner join account_days
        on
            members.account_id = account_days.account_id
            and account_days.activity_date < members.reference_date
    inner join windows
        on
            account_days.activity_date >= {{ add_days('members.reference_date', '-windows.from_days') }}
            and account_days.activity_date <= {{ add_days('members.reference_date', '-windows.to_days') }}
    inner join event_registry on account_days.event_name = event_registry.event_name
    -- what is part of paying or signing up foretells nothing
    where not event_registry.event_name in ('{{ var("pql_criteria_not_actions") | join("', '") }}')
    group by 1, 2, 3, 4
)

select * from final
