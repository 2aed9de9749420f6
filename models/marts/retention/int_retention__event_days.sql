with

retention_definitions as (
    select * from {{ ref('retention_definitions') }}
    where product_line is null or product_line = {{ product_line() }}
),

milestone_definitions as (
    select * from {{ ref('milestone_definitions') }}
    where product_line = {{ product_line() }}
),

int_retention__entities as (
    select * from {{ ref('int_retention__entities') }}
),

int_retention__active_days as (
    select * from {{ ref('int_retention__active_days') }}
),

fct_person_days as (
    select * from {{ ref('fct_person_days') }}
),

fct_account_days as (
    select * from {{ ref('fct_account_days') }}
),

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

fct_account_milestones as (
    select * from {{ ref('fct_account_milestones') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

event_keys as (
    select start_event as event_key from retention_definitions
    union
    select return_event as event_key from retention_definitions
),

counted_events as (
    select
        event_keys.event_key,
        event_keys.event_key as event_name,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to
    from event_keys
    union all
    select
        event_keys.event_key,
        milestone_definitions.event_name,
        milestone_definitions.valid_from,
        milestone_definitions.valid_to
    from event_keys
    inner join milestone_definitions
        on event_keys.event_key = 'towards:' || milestone_definitions.milestone
),

event_days as (
    select
        'person' as entity_type,
        person_id as entity_id,
        activity_date,
        event_name
    from fct_person_days
    where event_name in (select event_name from counted_events)
    union all
    select
        'account' as entity_type,
        account_id as entity_id,
        activity_date,
        event_name
    from fct_account_days
    where event_name in (select event_name from counted_events)
),

events_counted as (
    select
        event_days.entity_type,
        event_days.entity_id,
        counted_events.event_key,
        event_days.activity_date
    from event_days
    inner join counted_events
        on event_days.event_name = counted_events.event_name
    inner join int_retention__entities
        on
            event_days.entity_type = int_retention__entities.entity_type
            and event_days.entity_id = int_retention__entities.entity_id
    where
        (counted_events.valid_from is null or counted_events.valid_from <= int_retention__entities.signup_date)
        and (counted_events.valid_to is null or counted_events.valid_to > int_retention__entities.signup_date)
),

milestones_reached as (
    select
        'person' as entity_type,
        person_id as entity_id,
        'reached:' || milestone as event_key,
        cast(reached_at as date) as activity_date
    from fct_person_milestones
    union all
    select
        'account' as entity_type,
        account_id as entity_id,
        'reached:' || milestone as event_key,
        cast(reached_at as date) as activity_date
    from fct_account_milestones
),

everything as (
    select
        entity_type,
        entity_id,
        event_key,
        activity_date
    from events_counted
    union all
    select
        entity_type,
        entity_id,
        event_key,
        activity_date
    from milestones_reached
    where event_key in (select event_key from event_keys)
    union all
    select
        entity_type,
        entity_id,
        'any_event' as event_key,
        activity_date
    from int_retention__active_days
    where 'any_event' in (select event_key from event_keys)
    union all
    select
        entity_type,
        entity_id,
        'sign_up' as event_key,
        signup_date as activity_date
    from int_retention__entities
    where 'sign_up' in (select event_key from event_keys)
),

final as (
    select distinct
        everything.entity_type,
        everything.entity_id,
        everything.event_key,
        everything.activity_date
    from everything
    inner join int_retention__entities
        on
            everything.entity_type = int_retention__entities.entity_type
            and everything.entity_id = int_retention__entities.entity_id
            and everything.activity_date >= int_retention__entities.signup_date
    cross join dim_as_of
    where everything.activity_date <= dim_as_of.as_of_date
)

select * from final
