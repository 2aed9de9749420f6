with

rpt_active_users as (
    select * from {{ ref('rpt_active_users') }}
),

rpt_active_accounts as (
    select * from {{ ref('rpt_active_accounts') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

days as (
    select
        'person' as entity_type,
        activity_date,
        dau as count_active_day,
        mau as count_active_month,
        is_complete,
        has_full_history
    from rpt_active_users
    union all
    select
        'account' as entity_type,
        activity_date,
        count_active_1d as count_active_day,
        count_active_30d as count_active_month,
        is_complete,
        has_full_history
    from rpt_active_accounts
),

weekdays as (
    select
        entity_type,
        {{ month_start('activity_date') }} as month,
        {{ days_between(week_start('activity_date'), 'activity_date') }} + 1 as weekday_number,
        count(*) as count_days,
        sum(count_active_day) as total_active_day,
        sum(count_active_month) as total_active_month
    from days
    where is_complete and has_full_history
    group by 1, 2, 3
),

final as (
    select
        weekdays.entity_type,
        weekdays.month,
        cast(weekdays.weekday_number as integer) as weekday_number,

        weekdays.count_days,
        cast(weekdays.total_active_day as bigint) as total_active_day,
        cast(weekdays.total_active_month as bigint) as total_active_month,
        weekdays.total_active_day / nullif(weekdays.total_active_month, 0) as stickiness,

        weekdays.month < {{ month_start('dim_as_of.as_of_date') }} as is_mature
    from weekdays
    cross join dim_as_of
)

select * from final
