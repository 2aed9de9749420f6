with

people as (
    select * from {{ ref('int_syncs__people') }}
),

person_days as (
    select * from {{ ref('fct_person_days') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

people_active as (
    select
        person_days.person_id,
        count(distinct person_days.activity_date) as active_days_28d,
        sum(person_days.count_events) as count_events_28d
    from person_days
    inner join event_registry
        on
            person_days.event_name = event_registry.event_name
            and event_registry.is_product_activity
    cross join clock
    where
        person_days.activity_date > {{ add_days("cast(clock.as_of_at - interval '1' microsecond as date)", -28) }}
        and person_days.activity_date <= cast(clock.as_of_at - interval '1' microsecond as date)
    group by person_days.person_id
),

final as (
    select
        people.person_id as record_key,
        people.account_id,
        substr(
            coalesce(nullif(trim(concat(coalesce(people.first_name, ''), ' ', coalesce(people.last_name, ''))), ''), people.email),
            1, 80
        ) as name,
        people.email,
        people.signed_up_at,
        people.activated_at,
        people.last_seen_at,
        cast(coalesce(people_active.active_days_28d, 0) as bigint) as active_days_28d,
        cast(coalesce(people_active.count_events_28d, 0) as bigint) as count_events_28d
    from people
    left join people_active on people.person_id = people_active.person_id
)

select * from final
