-- No subscription, and no item of one, is lost between staging and the periods, our own
-- accounts apart.
with

subscription_events as (
    select * from {{ ref('stg_stripe__subscription_events') }}
),

items as (
    select * from {{ ref('stg_stripe__subscription_items') }}
),

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

subscription_accounts as (
    select * from {{ ref('int_core__subscription_accounts') }}
),

internal_accounts as (
    select * from {{ ref('int_core__internal_accounts') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

newest_events as (
    -- of one second only the last event has a period
    select
        subscription_events.event_id,
        subscription_events.subscription_id
    from subscription_events
    cross join as_of
    where subscription_events.effective_at < as_of.as_of_at
    qualify row_number() over (
        partition by subscription_events.subscription_id
        order by subscription_events.effective_at desc, subscription_events.event_rank desc, subscription_events.event_id desc
    ) = 1
),

periods_open as (
    select
        subscription_id,
        item_id
    from item_periods
    where valid_to is null
)

select
    newest_events.subscription_id,
    items.item_id
from newest_events
inner join items
    on newest_events.event_id = items.event_id
left join periods_open
    on
        items.subscription_id = periods_open.subscription_id
        and items.item_id = periods_open.item_id
left join subscription_accounts
    on newest_events.subscription_id = subscription_accounts.subscription_id
left join internal_accounts
    on subscription_accounts.account_id = internal_accounts.account_id
where
    periods_open.item_id is null
    and internal_accounts.account_id is null
