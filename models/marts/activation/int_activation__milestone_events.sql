with

fct_person_events as (
    select * from {{ ref('fct_person_events') }}
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

final as (
    -- the semi join keeps the unnesting of times to the few events a definition names
    select
        fct_person_events.person_id,
        fct_person_events.event_name,
        fct_person_events.event_at
    from fct_person_events
    cross join dim_as_of
    where
        fct_person_events.event_name in (select event_name from counted_names)
        and fct_person_events.event_at <= dim_as_of.as_of_at
)

select * from final
