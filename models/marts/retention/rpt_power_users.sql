{%- set window_days = var('power_user_days') -%}
with

int_retention__active_days as (
    select * from {{ ref('int_retention__active_days') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

histories as (
    select
        entity_type,
        min(activity_date) as first_date
    from int_retention__active_days
    group by entity_type
),

calendar as (
    select
        histories.entity_type,
        histories.first_date,
        dim_as_of.as_of_date,
        {{ date_spine('histories.first_date', 'dim_as_of.as_of_date') }} as curve_date
    from histories
    cross join dim_as_of
),

-- the ends of months, and the last day that is over
curve_dates as (
    select
        entity_type,
        first_date,
        curve_date
    from calendar
    where
        curve_date < as_of_date
        and (
            {{ month_start(add_days('curve_date', 1)) }} != {{ month_start('curve_date') }}
            or {{ add_days('curve_date', 1) }} = as_of_date
        )
),

days_active_by_entity as (
    select
        curve_dates.entity_type,
        curve_dates.curve_date,
        int_retention__active_days.entity_id,
        count(*) as days_active
    from curve_dates
    inner join int_retention__active_days
        on
            curve_dates.entity_type = int_retention__active_days.entity_type
            and curve_dates.curve_date >= int_retention__active_days.activity_date
            and {{ add_days('curve_dates.curve_date', -window_days) }} < int_retention__active_days.activity_date
    group by curve_dates.entity_type, curve_dates.curve_date, int_retention__active_days.entity_id
),

counts as (
    select
        entity_type,
        curve_date,
        days_active,
        count(*) as count_entities
    from days_active_by_entity
    group by entity_type, curve_date, days_active
),

possible_days as (
    {%- for days_active in range(1, window_days + 1) %}
    select {{ days_active }} as days_active
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

curves as (
    select
        curve_dates.entity_type,
        curve_dates.curve_date,
        curve_dates.first_date,
        possible_days.days_active,
        coalesce(counts.count_entities, 0) as count_entities,
        sum(coalesce(counts.count_entities, 0)) over (
            partition by curve_dates.entity_type, curve_dates.curve_date
        ) as count_active,
        sum(coalesce(counts.count_entities, 0)) over (
            partition by curve_dates.entity_type, curve_dates.curve_date
            order by possible_days.days_active desc
            rows between unbounded preceding and current row
        ) as count_entities_or_more
    from curve_dates
    cross join possible_days
    left join counts
        on
            curve_dates.entity_type = counts.entity_type
            and curve_dates.curve_date = counts.curve_date
            and possible_days.days_active = counts.days_active
),

final as (
    select
        entity_type,
        curve_date,
        cast(days_active as integer) as days_active,

        cast(count_entities as bigint) as count_entities,
        cast(count_entities_or_more as bigint) as count_entities_or_more,
        cast(count_active as bigint) as count_active,
        count_entities / nullif(count_active, 0) as share,
        count_entities_or_more / nullif(count_active, 0) as share_or_more,

        {{ add_days('curve_date', 1 - window_days) }} >= first_date as has_full_history
    from curves
)

select * from final
