with

fct_person_events as (
    select * from {{ ref('fct_person_events') }}
),

int_funnel__steps as (
    select * from {{ ref('int_funnel__steps') }}
),

funnel_exclusions as (
    select * from {{ ref('funnel_exclusions') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

names_of_exclusions as (
    select {{ split_to_rows('names') }} as name
    from funnel_exclusions
    where source = 'event'
),

names_wanted as (
    select name
    from int_funnel__steps
    where source = 'event'
    union
    select trim(name) as name
    from names_of_exclusions
),

final as (
    -- the semi join keeps the unnesting of times to the few events a funnel names
    select
        fct_person_events.person_id,
        fct_person_events.account_id,
        fct_person_events.event_name,
        {{ epoch_micros('fct_person_events.event_at') }} as at_us
    from fct_person_events
    cross join dim_as_of
    where
        fct_person_events.event_name in (select name from names_wanted)
        and fct_person_events.event_at <= dim_as_of.as_of_at
)

select * from final
