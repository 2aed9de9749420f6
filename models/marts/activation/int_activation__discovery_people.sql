with

dim_people as (
    select * from {{ ref('dim_people') }}
),

fct_person_days as (
    select * from {{ ref('fct_person_days') }}
),

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

milestone_discovery_settings as (
    select * from {{ ref('milestone_discovery_settings') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

settings as (
    select
        max(case when setting = 'outcome_from_day' then value end) as outcome_from_day,
        max(case when setting = 'outcome_days' then value end) as outcome_days,
        max(case when setting = 'history_days' then value end) as history_days,
        max(case when setting = 'max_people' then value end) as max_people
    from milestone_discovery_settings
),

outcome_windows as (
    select
        dim_people.person_id,
        dim_people.signed_up_at,
        {{ add_hours('dim_people.signed_up_at', '24 * settings.outcome_from_day') }} as outcome_begins_at,
        {{ add_hours('dim_people.signed_up_at', '24 * (settings.outcome_from_day + settings.outcome_days)') }}
            as outcome_ends_at
    from dim_people
    cross join settings
    cross join dim_as_of
    where
        -- whose outcome is not known yet is in no cohort
        {{ add_hours('dim_people.signed_up_at', '24 * (settings.outcome_from_day + settings.outcome_days)') }}
        <= dim_as_of.as_of_at
        and {{ add_hours('dim_people.signed_up_at', '24 * (settings.outcome_from_day + settings.outcome_days + settings.history_days)') }}
        > dim_as_of.as_of_at
),

people_in_order as (
    select
        person_id,
        signed_up_at,
        outcome_begins_at,
        outcome_ends_at,
        row_number() over (order by {{ hash_id('', 'person_id') }}) as place
    from outcome_windows
),

people as (
    select
        people_in_order.person_id,
        people_in_order.signed_up_at,
        people_in_order.outcome_begins_at,
        people_in_order.outcome_ends_at
    from people_in_order
    cross join settings
    where people_in_order.place <= settings.max_people
),

retained_people as (
    -- a day's row spans its first to its last event; the window is longer than a day, so one of
    -- the two lies in it whenever any event does
    select distinct people.person_id
    from people
    inner join fct_person_days
        on
            people.person_id = fct_person_days.person_id
            and people.outcome_begins_at <= fct_person_days.last_event_at
            and people.outcome_ends_at > fct_person_days.first_event_at
    left join event_registry
        on fct_person_days.event_name = event_registry.event_name
    -- an event nobody registered is taken for use of the product
    where coalesce(event_registry.is_product_activity, true)
),

final as (
    select
        people.person_id,
        {{ month_start('people.signed_up_at') }} as cohort_month,
        retained_people.person_id is not null as is_retained,
        coalesce(fct_person_milestones.reached_at < people.outcome_begins_at, false) as is_activated,
        people.signed_up_at
    from people
    left join retained_people
        on people.person_id = retained_people.person_id
    left join fct_person_milestones
        on
            people.person_id = fct_person_milestones.person_id
            and fct_person_milestones.milestone = 'activation'
)

select * from final
