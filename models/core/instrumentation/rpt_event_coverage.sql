with

event_names as (
    select * from {{ ref('int_core__event_names') }}
    where is_registered and status = 'active'
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

seen as (
    select
        event_names.category,
        coalesce(
            event_names.last_event_at > as_of.as_of_at - interval '{{ var("coverage_days") }}' day,
            false
        ) as is_seen,
        as_of.as_of_date
    from event_names
    cross join as_of
),

by_category as (
    select
        as_of_date,
        'all' as category,
        is_seen
    from seen
    union all
    select
        as_of_date,
        category,
        is_seen
    from seen
),

counted as (
    select
        as_of_date,
        category,
        count(*) as count_registered,
        sum(case when is_seen then 1 else 0 end) as count_seen
    from by_category
    group by as_of_date, category
),

final as (
    select
        as_of_date,
        category,
        cast(count_registered as bigint) as count_registered,
        cast(count_seen as bigint) as count_seen,
        cast(round(100.0 * count_seen / count_registered, 1) as decimal(5, 1)) as coverage_pct,
        case
            when count_seen >= {{ var('coverage_good_share') }} * count_registered then 'good'
            when count_seen >= {{ var('coverage_enough_share') }} * count_registered then 'enough'
            else 'too_little'
        end as verdict
    from counted
)

select * from final
