with

int_retention__active_days as (
    select * from {{ ref('int_retention__active_days') }}
),

retention_windows as (
    -- day N; brackets of several days are for rpt_retention_cohorts
    select * from {{ ref('retention_windows') }}
    where first_day = last_day
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

-- the day cohort counts each one's own days, the week cohort calendar weeks
active_periods as (
    select
        entity_type,
        entity_id,
        'day' as grain,
        signup_date as cohort_date,
        {{ days_between('signup_date', 'activity_date') }} as day_number
    from int_retention__active_days
    union all
    select distinct
        entity_type,
        entity_id,
        'week' as grain,
        {{ week_start('signup_date') }} as cohort_date,
        {{ days_between(week_start('signup_date'), week_start('activity_date')) }} as day_number
    from int_retention__active_days
),

actives as (
    select
        entity_type,
        grain,
        cohort_date,
        day_number,
        count(*) as count_active
    from active_periods
    group by entity_type, grain, cohort_date, day_number
),

last_periods as (
    select
        entity_type,
        entity_id,
        grain,
        cohort_date,
        max(day_number) as last_day_number
    from active_periods
    group by entity_type, entity_id, grain, cohort_date
),

last_actives as (
    select
        entity_type,
        grain,
        cohort_date,
        last_day_number,
        count(*) as count_last_active
    from last_periods
    group by entity_type, grain, cohort_date, last_day_number
),

cohorts as (
    -- everyone is active in the period they sign up in
    select
        entity_type,
        grain,
        cohort_date,
        count_active as cohort_size
    from actives
    where day_number = 0
),

calendar as (
    select distinct {{ week_start('calendar_date') }} as week
    from (
        select {{ date_spine('first_cohort_date', 'as_of_date') }} as calendar_date
        from (
            select
                min(cohorts.cohort_date) as first_cohort_date,
                max(dim_as_of.as_of_date) as as_of_date
            from cohorts
            cross join dim_as_of
        ) as bounds
    ) as days
),

windows as (
    select
        cohorts.entity_type,
        cohorts.grain,
        cohorts.cohort_date,
        retention_windows.first_day as day_number,
        {{ add_days('cohorts.cohort_date', 'retention_windows.first_day + 1') }} as window_end_date,
        cohorts.cohort_size
    from cohorts
    cross join retention_windows
    where cohorts.grain = 'day'
    union all
    select
        cohorts.entity_type,
        cohorts.grain,
        cohorts.cohort_date,
        {{ days_between('cohorts.cohort_date', 'calendar.week') }} as day_number,
        {{ add_days('calendar.week', 7) }} as window_end_date,
        cohorts.cohort_size
    from cohorts
    inner join calendar
        on cohorts.cohort_date <= calendar.week
    where cohorts.grain = 'week'
),

windows_begun as (
    select
        windows.*,
        windows.window_end_date <= dim_as_of.as_of_date as is_mature
    from windows
    cross join dim_as_of
    where {{ add_days('windows.cohort_date', 'windows.day_number') }} <= dim_as_of.as_of_date
),

bounded as (
    select
        windows_begun.entity_type,
        windows_begun.grain,
        windows_begun.cohort_date,
        windows_begun.day_number,
        windows_begun.cohort_size,
        windows_begun.is_mature,
        'bounded' as method,
        coalesce(actives.count_active, 0) as retained
    from windows_begun
    left join actives
        on
            windows_begun.entity_type = actives.entity_type
            and windows_begun.grain = actives.grain
            and windows_begun.cohort_date = actives.cohort_date
            and windows_begun.day_number = actives.day_number
),

rolling as (
    select
        windows_begun.entity_type,
        windows_begun.grain,
        windows_begun.cohort_date,
        windows_begun.day_number,
        windows_begun.cohort_size,
        windows_begun.is_mature,
        'rolling' as method,
        coalesce(sum(last_actives.count_last_active), 0) as retained
    from windows_begun
    left join last_actives
        on
            windows_begun.entity_type = last_actives.entity_type
            and windows_begun.grain = last_actives.grain
            and windows_begun.cohort_date = last_actives.cohort_date
            and windows_begun.day_number <= last_actives.last_day_number
    group by
        windows_begun.entity_type,
        windows_begun.grain,
        windows_begun.cohort_date,
        windows_begun.day_number,
        windows_begun.cohort_size,
        windows_begun.is_mature
),

both_methods as (
    select
        entity_type,
        grain,
        cohort_date,
        day_number,
        cohort_size,
        is_mature,
        method,
        retained
    from bounded
    union all
    select
        entity_type,
        grain,
        cohort_date,
        day_number,
        cohort_size,
        is_mature,
        method,
        retained
    from rolling
),

final as (
    select
        cohort_date,
        grain,
        entity_type,
        method,
        cast(day_number as integer) as day_number,

        cohort_size,
        cast(retained as bigint) as retained,
        retained / cohort_size as retention_rate,

        is_mature
    from both_methods
)

select * from final
