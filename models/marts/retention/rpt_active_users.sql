with

int_retention__active_days as (
    select * from {{ ref('int_retention__active_days') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

person_days as (
    select
        entity_id,
        activity_date,
        lead(activity_date) over (partition by entity_id order by activity_date) as next_activity_date
    from int_retention__active_days
    where entity_type = 'person'
),

windows as (
    select
        'dau' as measure,
        1 as days
    union all
    select
        'wau' as measure,
        7 as days
    union all
    select
        'mau' as measure,
        {{ var('mau_days', 30) }} as days
),

-- an active day makes a person count for a window's length, or until the next active day takes
-- over: spans that never overlap, so adding them up counts nobody twice and needs no
-- distinct count over every person, day and window
spans as (
    select
        windows.measure,
        person_days.activity_date as counts_from,
        case
            when person_days.next_activity_date < {{ add_days('person_days.activity_date', 'windows.days') }}
                then person_days.next_activity_date
            else {{ add_days('person_days.activity_date', 'windows.days') }}
        end as counts_until
    from person_days
    cross join windows
),

changes as (
    select
        measure,
        counts_from as change_date,
        1 as change
    from spans
    union all
    select
        measure,
        counts_until as change_date,
        -1 as change
    from spans
),

changes_by_day as (
    select
        change_date,
        sum(case when measure = 'dau' then change else 0 end) as dau_change,
        sum(case when measure = 'wau' then change else 0 end) as wau_change,
        sum(case when measure = 'mau' then change else 0 end) as mau_change
    from changes
    group by change_date
),

calendar as (
    select {{ date_spine('first_date', 'as_of_date') }} as activity_date
    from (
        select
            min(person_days.activity_date) as first_date,
            max(dim_as_of.as_of_date) as as_of_date
        from person_days
        cross join dim_as_of
    ) as bounds
),

actives as (
    select
        calendar.activity_date,
        cast(sum(coalesce(changes_by_day.dau_change, 0)) over (order by calendar.activity_date) as bigint) as dau,
        cast(sum(coalesce(changes_by_day.wau_change, 0)) over (order by calendar.activity_date) as bigint) as wau,
        cast(sum(coalesce(changes_by_day.mau_change, 0)) over (order by calendar.activity_date) as bigint) as mau
    from calendar
    left join changes_by_day
        on calendar.activity_date = changes_by_day.change_date
),

final as (
    select
        actives.activity_date,
        actives.dau,
        actives.wau,
        actives.mau,
        actives.dau / nullif(actives.mau, 0) as stickiness,
        actives.activity_date < dim_as_of.as_of_date as is_complete
    from actives
    cross join dim_as_of
)

select * from final
