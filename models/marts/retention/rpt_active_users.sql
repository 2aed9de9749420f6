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

-- an active day makes a person count for a window's length, or until the next active day takes
-- over: spans that never overlap, so adding them up counts nobody twice and needs no
-- distinct count over every person, day and window
{% set windows = {'dau': 1, 'wau': 7, 'mau': var('mau_days', 30)} %}
{% for measure, days in windows.items() %}
{{ measure }}_spans as (
    select
        activity_date as counts_from,
        least(coalesce(next_activity_date, {{ add_days('activity_date', days) }}), {{ add_days('activity_date', days) }}) as counts_until
    from person_days
),
{% endfor %}

changes as (
    {% for measure in windows %}
    select '{{ measure }}' as measure, counts_from as change_date, 1 as change from {{ measure }}_spans
    union all
    select '{{ measure }}' as measure, counts_until as change_date, -1 as change from {{ measure }}_spans
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}
),

changes_by_day as (
    select
        change_date,
        {% for measure in windows %}
        sum(case when measure = '{{ measure }}' then change else 0 end) as {{ measure }}_change{{ ',' if not loop.last }}
        {% endfor %}
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
        {% for measure in windows %}
        cast(
            sum(coalesce(changes_by_day.{{ measure }}_change, 0)) over (
                order by calendar.activity_date rows between unbounded preceding and current row
            ) as bigint
        ) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
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
