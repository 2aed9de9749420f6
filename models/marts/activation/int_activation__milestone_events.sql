with

fct_person_events as (
    select * from {{ ref('fct_person_events') }}
),

fct_person_counted_events as (
    select * from {{ ref('fct_person_counted_events') }}
),

milestone_counted_properties as (
    select * from {{ ref('milestone_counted_properties') }}
),

int_activation__person_conditions as (
    select * from {{ ref('int_activation__person_conditions') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

counted_names as (
    select distinct event_name
    from int_activation__person_conditions
),

counted_one_by_one as (
    select event_name
    from milestone_counted_properties
    where product_line = {{ product_line() }}
),

events_of_any_thing as (
    -- the semi join keeps the unnesting of times to the few events a definition names
    select
        fct_person_events.person_id,
        fct_person_events.event_name,
        cast(null as varchar) as property_value,
        fct_person_events.event_at
    from fct_person_events
    where
        fct_person_events.event_name in (select event_name from counted_names)
        and fct_person_events.event_name not in (select event_name from counted_one_by_one)
),

events_of_one_thing as (
    select
        fct_person_counted_events.person_id,
        fct_person_counted_events.event_name,
        fct_person_counted_events.property_value,
        fct_person_counted_events.event_at
    from fct_person_counted_events
    where fct_person_counted_events.event_name in (select event_name from counted_names)
),

events as (
    select * from events_of_any_thing
    union all
    select * from events_of_one_thing
),

final as (
    select
        events.person_id,
        events.event_name,
        events.property_value,
        events.event_at
    from events
    cross join dim_as_of
    where events.event_at <= dim_as_of.as_of_at
)

select * from final
