{#- The first day of the day, week (Monday) or month a date is in. -#}
{% macro period_start(grain, value) -%}
    {%- if grain == 'day' -%}
        {{ value }}
    {%- elif grain == 'week' -%}
        {{ week_start(value) }}
    {%- else -%}
        {{ month_start(value) }}
    {%- endif -%}
{%- endmacro %}


{#- Number of the day, week or month a date is in, counted through: periods apart is a difference,
    whatever the length of months and years. Week 0 begins on Monday 5 January 1970. -#}
{% macro period_index(grain, value) -%}
    {%- if grain == 'day' -%}
        {{ days_between("date '1970-01-05'", value) }}
    {%- elif grain == 'week' -%}
        cast({{ days_between("date '1970-01-05'", week_start(value)) }} / 7 as integer)
    {%- else -%}
        cast(extract(year from {{ value }}) * 12 + extract(month from {{ value }}) as integer)
    {%- endif -%}
{%- endmacro %}


{#-
    Everyone of a kind active on each day, in the 7 and in the 30 days (`mau_days`) that end with
    it: the whole query of a model that imports `int_retention__active_days` and `dim_as_of`.

    An active day makes somebody count for a window's length, or until the next active day takes
    over: spans that never overlap, so adding them up counts nobody twice and needs no distinct
    count over everybody, every day and every window.
-#}
{% macro active_entities_by_day(entity_type, daily, weekly, monthly) -%}
entity_days as (
    select
        entity_id,
        activity_date,
        lead(activity_date) over (partition by entity_id order by activity_date) as next_activity_date
    from int_retention__active_days
    where entity_type = '{{ entity_type }}'
),

windows as (
    select
        'day' as measure,
        1 as days
    union all
    select
        'week' as measure,
        7 as days
    union all
    select
        'month' as measure,
        {{ var('mau_days') }} as days
),

spans as (
    select
        windows.measure,
        entity_days.activity_date as counts_from,
        case
            when entity_days.next_activity_date < {{ add_days('entity_days.activity_date', 'windows.days') }}
                then entity_days.next_activity_date
            else {{ add_days('entity_days.activity_date', 'windows.days') }}
        end as counts_until
    from entity_days
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
        sum(case when measure = 'day' then change else 0 end) as day_change,
        sum(case when measure = 'week' then change else 0 end) as week_change,
        sum(case when measure = 'month' then change else 0 end) as month_change
    from changes
    group by change_date
),

bounds as (
    select
        min(entity_days.activity_date) as first_date,
        max(dim_as_of.as_of_date) as as_of_date
    from entity_days
    cross join dim_as_of
),

calendar as (
    select
        {{ date_spine('first_date', 'as_of_date') }} as activity_date,
        first_date,
        as_of_date
    from bounds
),

actives as (
    select
        calendar.activity_date,
        calendar.first_date,
        calendar.as_of_date,
        cast(sum(coalesce(changes_by_day.day_change, 0)) over (order by calendar.activity_date) as bigint)
            as {{ daily }},
        cast(sum(coalesce(changes_by_day.week_change, 0)) over (order by calendar.activity_date) as bigint)
            as {{ weekly }},
        cast(sum(coalesce(changes_by_day.month_change, 0)) over (order by calendar.activity_date) as bigint)
            as {{ monthly }}
    from calendar
    left join changes_by_day
        on calendar.activity_date = changes_by_day.change_date
),

final as (
    select
        activity_date,
        {{ daily }},
        {{ weekly }},
        {{ monthly }},
        {{ daily }} / nullif({{ monthly }}, 0) as stickiness,
        activity_date < as_of_date as is_complete,
        activity_date >= {{ add_days('first_date', var('mau_days') - 1) }} as has_full_history
    from actives
)

select * from final
{%- endmacro %}
