{%- set grains = {'day': 'by_day', 'week': 'by_week', 'month': 'by_month'} -%}
{%- set entity_types = {'person': 'for_people', 'account': 'for_accounts'} -%}
with

retention_definitions as (
    select * from {{ ref('retention_definitions') }}
    where product_line is null or product_line = {{ product_line() }}
),

retention_windows as (
    select * from {{ ref('retention_windows') }}
),

int_retention__event_days as (
    select * from {{ ref('int_retention__event_days') }}
),

int_retention__entities as (
    select * from {{ ref('int_retention__entities') }}
),

days_looked_at as (
    select first_day as day_number
    from retention_windows
    where first_day = last_day
),

definitions_by_grain as (
    {%- for entity_type, is_for in entity_types.items() %}
    {%- set outer = loop %}
    {%- for grain, is_by in grains.items() %}
    select
        definition_key,
        '{{ entity_type }}' as entity_type,
        '{{ grain }}' as grain,
        start_event,
        return_event,
        start_counting,
        has_cuts
    from retention_definitions
    where {{ is_for }} and {{ is_by }}
    {% if not (outer.last and loop.last) %}union all{% endif %}
    {%- endfor %}
    {%- endfor %}
),

event_periods as (
    {%- for grain in grains %}
    select distinct
        entity_type,
        entity_id,
        event_key,
        '{{ grain }}' as grain,
        {{ period_index(grain, 'activity_date') }} as period_index,
        {{ period_start(grain, 'activity_date') }} as period_date
    from int_retention__event_days
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

-- the window over everybody's whole history makes a first time the first time ever
event_periods_numbered as (
    select
        event_periods.*,
        row_number() over (
            partition by entity_type, entity_id, event_key, grain order by period_index
        ) as place
    from event_periods
),

starts as (
    select
        definitions_by_grain.definition_key,
        definitions_by_grain.entity_type,
        definitions_by_grain.grain,
        definitions_by_grain.return_event,
        event_periods_numbered.entity_id,
        event_periods_numbered.period_index as cohort_index,
        event_periods_numbered.period_date as cohort_date,
        case when definitions_by_grain.has_cuts then int_retention__entities.segment end as segment,
        case when definitions_by_grain.has_cuts then int_retention__entities.first_channel end as first_channel,
        case when definitions_by_grain.has_cuts then int_retention__entities.plan end as plan
    from definitions_by_grain
    inner join event_periods_numbered
        on
            definitions_by_grain.entity_type = event_periods_numbered.entity_type
            and definitions_by_grain.grain = event_periods_numbered.grain
            and definitions_by_grain.start_event = event_periods_numbered.event_key
    inner join int_retention__entities
        on
            event_periods_numbered.entity_type = int_retention__entities.entity_type
            and event_periods_numbered.entity_id = int_retention__entities.entity_id
    where event_periods_numbered.place = 1 or definitions_by_grain.start_counting = 'recurring'
),

-- coming back is coming in a later period than that of the start
returns as (
    select
        starts.definition_key,
        starts.entity_type,
        starts.grain,
        starts.entity_id,
        starts.cohort_index,
        starts.cohort_date,
        starts.segment,
        starts.first_channel,
        starts.plan,
        event_periods.period_index - starts.cohort_index as period_number
    from starts
    inner join event_periods
        on
            starts.entity_type = event_periods.entity_type
            and starts.entity_id = event_periods.entity_id
            and starts.grain = event_periods.grain
            and starts.return_event = event_periods.event_key
            and starts.cohort_index < event_periods.period_index
),

last_returns as (
    select
        definition_key,
        entity_type,
        grain,
        entity_id,
        cohort_index,
        cohort_date,
        segment,
        first_channel,
        plan,
        max(period_number) as period_number
    from returns
    group by
        definition_key,
        entity_type,
        grain,
        entity_id,
        cohort_index,
        cohort_date,
        segment,
        first_channel,
        plan
),

-- a cohort of a day is looked at on a few days only: the last return counts up to the last of
-- them it reaches
last_returns_in_windows as (
    select *
    from last_returns
    where grain != 'day'
    union all
    select
        last_returns.definition_key,
        last_returns.entity_type,
        last_returns.grain,
        last_returns.entity_id,
        last_returns.cohort_index,
        last_returns.cohort_date,
        last_returns.segment,
        last_returns.first_channel,
        last_returns.plan,
        max(days_looked_at.day_number) as period_number
    from last_returns
    inner join days_looked_at
        on last_returns.period_number >= days_looked_at.day_number
    where last_returns.grain = 'day'
    group by
        last_returns.definition_key,
        last_returns.entity_type,
        last_returns.grain,
        last_returns.entity_id,
        last_returns.cohort_index,
        last_returns.cohort_date,
        last_returns.segment,
        last_returns.first_channel,
        last_returns.plan
),

returns_in_brackets as (
    select distinct
        returns.definition_key,
        returns.entity_type,
        returns.grain,
        returns.entity_id,
        returns.cohort_index,
        returns.cohort_date,
        returns.segment,
        returns.first_channel,
        returns.plan,
        retention_windows.first_day,
        retention_windows.last_day
    from returns
    inner join retention_windows
        on
            returns.period_number >= retention_windows.first_day
            and returns.period_number <= retention_windows.last_day
    where returns.grain = 'day' and retention_windows.first_day < retention_windows.last_day
),

members as (
    select
        'cohort' as measure,
        definition_key,
        entity_type,
        grain,
        cohort_index,
        cohort_date,
        segment,
        first_channel,
        plan,
        0 as period_number,
        0 as last_period_number
    from starts
    union all
    select
        'bounded' as measure,
        definition_key,
        entity_type,
        grain,
        cohort_index,
        cohort_date,
        segment,
        first_channel,
        plan,
        period_number,
        period_number as last_period_number
    from returns
    where grain != 'day' or period_number in (select day_number from days_looked_at)
    union all
    select
        'bracket' as measure,
        definition_key,
        entity_type,
        grain,
        cohort_index,
        cohort_date,
        segment,
        first_channel,
        plan,
        first_day as period_number,
        last_day as last_period_number
    from returns_in_brackets
    union all
    select
        'last' as measure,
        definition_key,
        entity_type,
        grain,
        cohort_index,
        cohort_date,
        segment,
        first_channel,
        plan,
        period_number,
        period_number as last_period_number
    from last_returns_in_windows
),

final as (
    select
        definition_key,
        entity_type,
        grain,
        cohort_index,
        cohort_date,
        segment,
        first_channel,
        plan,
        measure,
        period_number,
        last_period_number,
        count(*) as count_entities
    from members
    group by
        definition_key,
        entity_type,
        grain,
        cohort_index,
        cohort_date,
        segment,
        first_channel,
        plan,
        measure,
        period_number,
        last_period_number
)

select * from final
