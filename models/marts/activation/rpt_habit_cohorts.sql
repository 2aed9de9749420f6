with

value_returns as (
    select * from {{ ref('int_activation__value_returns') }}
),

signups as (
    select * from {{ ref('int_activation__signups') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

return_days as (
    {% for day_number in var('habit_return_days') -%}
    select {{ day_number }} as day_number
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

activations as (
    select
        value_returns.entity_type,
        {{ week_start('value_returns.activated_at') }} as cohort_week,
        signups.segment,
        return_days.day_number,
        value_returns.returned_at
        < {{ add_hours('value_returns.activated_at', '24 * return_days.day_number') }} as is_returned,
        {{ add_days(week_start('value_returns.activated_at'), '7 + return_days.day_number') }}
        <= dim_as_of.as_of_date as is_mature
    from value_returns
    inner join signups
        on
            value_returns.entity_type = signups.entity_type
            and value_returns.entity_id = signups.entity_id
    cross join return_days
    cross join dim_as_of
),

activations_by_cohort as (
    select
        'week' as cohort_grain,
        cohort_week,
        is_mature,
        entity_type,
        segment,
        day_number,
        is_returned
    from activations
    union all
    -- every closed week together: what may be averaged
    select
        'all' as cohort_grain,
        min(cohort_week) over (partition by entity_type, day_number) as cohort_week,
        true as is_mature,
        entity_type,
        segment,
        day_number,
        is_returned
    from activations
    where is_mature
),

activations_by_cut as (
    select * from activations_by_cohort
    union all
    select
        cohort_grain,
        cohort_week,
        is_mature,
        entity_type,
        'all' as segment,
        day_number,
        is_returned
    from activations_by_cohort
),

final as (
    select
        entity_type,
        cohort_grain,
        cohort_week,
        segment,
        day_number,

        count(*) as activated,
        count(case when is_returned then 1 end) as returned,
        count(case when is_returned then 1 end) / count(*) as return_rate,

        is_mature
    from activations_by_cut
    group by entity_type, cohort_grain, cohort_week, segment, day_number, is_mature
)

select * from final
