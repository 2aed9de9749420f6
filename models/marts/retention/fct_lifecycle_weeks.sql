with

int_retention__active_days as (
    select * from {{ ref('int_retention__active_days') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

active_weeks as (
    select distinct
        entity_type,
        entity_id,
        {{ week_start('activity_date') }} as week
    from int_retention__active_days
),

active_weeks_in_order as (
    select
        entity_type,
        entity_id,
        week,
        lag(week) over (partition by entity_type, entity_id order by week) as previous_week,
        lead(week) over (partition by entity_type, entity_id order by week) as next_week
    from active_weeks
),

weeks_active as (
    select
        entity_type,
        entity_id,
        week,
        case
            when previous_week is null then 'new'
            when previous_week = {{ add_days('week', -7) }} then 'retained'
            else 'resurrected'
        end as state,
        0 as weeks_since_active
    from active_weeks_in_order
),

gaps as (
    select
        active_weeks_in_order.entity_type,
        active_weeks_in_order.entity_id,
        active_weeks_in_order.week as last_active_week,
        coalesce(
            {{ add_days('active_weeks_in_order.next_week', -7) }},
            {{ week_start('dim_as_of.as_of_date') }}
        ) as last_dormant_week
    from active_weeks_in_order
    cross join dim_as_of
),

calendar as (
    select distinct {{ week_start('calendar_date') }} as week
    from (
        select {{ date_spine('first_week', 'as_of_date') }} as calendar_date
        from (
            select
                min(active_weeks.week) as first_week,
                max(dim_as_of.as_of_date) as as_of_date
            from active_weeks
            cross join dim_as_of
        ) as bounds
    ) as days
),

weeks_dormant as (
    select
        gaps.entity_type,
        gaps.entity_id,
        calendar.week,
        'dormant' as state,
        {{ days_between('gaps.last_active_week', 'calendar.week') }} / 7 as weeks_since_active
    from gaps
    inner join calendar
        on
            gaps.last_active_week < calendar.week
            and gaps.last_dormant_week >= calendar.week
    where gaps.last_active_week < gaps.last_dormant_week
),

weeks as (
    select
        entity_type,
        entity_id,
        week,
        state,
        weeks_since_active
    from weeks_active
    union all
    select
        entity_type,
        entity_id,
        week,
        state,
        weeks_since_active
    from weeks_dormant
),

final as (
    select
        weeks.entity_type,
        weeks.entity_id,
        weeks.week,
        weeks.state,
        cast(weeks.weeks_since_active as integer) as weeks_since_active,
        {{ add_days('weeks.week', 7) }} <= dim_as_of.as_of_date as is_complete
    from weeks
    cross join dim_as_of
)

select * from final
