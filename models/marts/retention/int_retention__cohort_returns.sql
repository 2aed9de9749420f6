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

horizon as (
    select coalesce(max(last_day), 0) as last_day
    from retention_windows
),

-- pairs of starts and returns are many: between here and the counts everything is a number
definitions_numbered as (
    select
        retention_definitions.*,
        row_number() over (order by definition_key) as definition_number
    from retention_definitions
),

entities_numbered as (
    select
        int_retention__entities.*,
        row_number() over (order by entity_type, entity_id) as entity_number,
        dense_rank() over (order by entity_type, segment, first_channel, plan) as cut_number
    from int_retention__entities
),

cuts as (
    select distinct
        cut_number,
        entity_type,
        segment,
        first_channel,
        plan
    from entities_numbered
),

definitions_by_grain as (
    {%- for entity_type, is_for in entity_types.items() %}
    {%- set outer = loop %}
    {%- for grain, is_by in grains.items() %}
    select
        definition_number,
        '{{ entity_type }}' as entity_type,
        '{{ grain }}' as grain,
        start_event,
        return_event,
        start_counting
    from definitions_numbered
    where {{ is_for }} and {{ is_by }}
    {% if not (outer.last and loop.last) %}union all{% endif %}
    {%- endfor %}
    {%- endfor %}
),

event_days as (
    select
        entities_numbered.entity_type,
        entities_numbered.entity_number,
        entities_numbered.cut_number,
        int_retention__event_days.event_key,
        int_retention__event_days.activity_date
    from int_retention__event_days
    inner join entities_numbered
        on
            int_retention__event_days.entity_type = entities_numbered.entity_type
            and int_retention__event_days.entity_id = entities_numbered.entity_id
),

event_periods as (
    {%- for grain in grains %}
    select {{ 'distinct' if grain != 'day' }}
        entity_type,
        entity_number,
        cut_number,
        event_key,
        '{{ grain }}' as grain,
        {{ period_index(grain, 'activity_date') }} as period_index,
        {{ period_start(grain, 'activity_date') }} as period_date
    from event_days
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

-- over everybody's whole history: a first time is the first time ever
histories as (
    select
        entity_type,
        entity_number,
        cut_number,
        event_key,
        grain,
        min(period_index) as first_period_index,
        min(period_date) as first_period_date,
        max(period_index) as last_period_index
    from event_periods
    group by entity_type, entity_number, cut_number, event_key, grain
),

starts as (
    select
        definitions_by_grain.definition_number,
        definitions_by_grain.grain,
        definitions_by_grain.return_event,
        histories.entity_number,
        histories.cut_number,
        histories.first_period_index as cohort_index,
        histories.first_period_date as cohort_date
    from definitions_by_grain
    inner join histories
        on
            definitions_by_grain.entity_type = histories.entity_type
            and definitions_by_grain.grain = histories.grain
            and definitions_by_grain.start_event = histories.event_key
    where definitions_by_grain.start_counting = 'first_time'
    union all
    select
        definitions_by_grain.definition_number,
        definitions_by_grain.grain,
        definitions_by_grain.return_event,
        event_periods.entity_number,
        event_periods.cut_number,
        event_periods.period_index as cohort_index,
        event_periods.period_date as cohort_date
    from definitions_by_grain
    inner join event_periods
        on
            definitions_by_grain.entity_type = event_periods.entity_type
            and definitions_by_grain.grain = event_periods.grain
            and definitions_by_grain.start_event = event_periods.event_key
    where definitions_by_grain.start_counting = 'recurring'
),

-- coming back is coming in a later period than that of the start
returns as (
    select
        starts.definition_number,
        starts.grain,
        starts.entity_number,
        starts.cut_number,
        starts.cohort_index,
        event_periods.period_index - starts.cohort_index as period_number
    from starts
    cross join horizon
    inner join event_periods
        on
            starts.entity_number = event_periods.entity_number
            and starts.grain = event_periods.grain
            and starts.return_event = event_periods.event_key
            and starts.cohort_index < event_periods.period_index
    where starts.grain != 'day' or event_periods.period_index - starts.cohort_index <= horizon.last_day
),

returns_in_brackets as (
    select distinct
        returns.definition_number,
        returns.grain,
        returns.entity_number,
        returns.cut_number,
        returns.cohort_index,
        retention_windows.first_day,
        retention_windows.last_day
    from returns
    inner join retention_windows
        on
            returns.period_number >= retention_windows.first_day
            and returns.period_number <= retention_windows.last_day
    where returns.grain = 'day' and retention_windows.first_day < retention_windows.last_day
),

last_returns as (
    select
        starts.definition_number,
        starts.grain,
        starts.cut_number,
        starts.cohort_index,
        histories.last_period_index - starts.cohort_index as period_number,
        count(*) as count_entities
    from starts
    inner join histories
        on
            starts.entity_number = histories.entity_number
            and starts.grain = histories.grain
            and starts.return_event = histories.event_key
            and starts.cohort_index < histories.last_period_index
    group by 1, 2, 3, 4, 5
),

-- a cohort of a day is looked at on a few days only: a last return counts up to the last of
-- them it reaches
last_returns_looked_at as (
    select
        last_returns.definition_number,
        last_returns.grain,
        last_returns.cut_number,
        last_returns.cohort_index,
        last_returns.count_entities,
        last_returns.period_number as last_return_number,
        max(case when last_returns.grain = 'day' then days_looked_at.day_number else last_returns.period_number end)
            as period_number
    from last_returns
    left join days_looked_at
        on last_returns.grain = 'day' and last_returns.period_number >= days_looked_at.day_number
    group by 1, 2, 3, 4, 5, 6
),

counts as (
    select
        'cohort' as measure,
        definition_number,
        grain,
        cut_number,
        cohort_index,
        0 as period_number,
        0 as last_period_number,
        count(*) as count_entities
    from starts
    group by definition_number, grain, cut_number, cohort_index
    union all
    select
        'bounded' as measure,
        definition_number,
        grain,
        cut_number,
        cohort_index,
        period_number,
        period_number as last_period_number,
        count(*) as count_entities
    from returns
    where grain != 'day' or period_number in (select day_number from days_looked_at)
    group by definition_number, grain, cut_number, cohort_index, period_number
    union all
    select
        'bracket' as measure,
        definition_number,
        grain,
        cut_number,
        cohort_index,
        first_day as period_number,
        last_day as last_period_number,
        count(*) as count_entities
    from returns_in_brackets
    group by definition_number, grain, cut_number, cohort_index, first_day, last_day
    union all
    select
        'last' as measure,
        definition_number,
        grain,
        cut_number,
        cohort_index,
        period_number,
        period_number as last_period_number,
        sum(count_entities) as count_entities
    from last_returns_looked_at
    where period_number is not null
    group by definition_number, grain, cut_number, cohort_index, period_number
),

cohort_dates as (
    select distinct
        grain,
        cohort_index,
        cohort_date
    from starts
),

final as (
    select
        definitions_numbered.definition_key,
        cuts.entity_type,
        counts.grain,
        counts.cohort_index,
        cohort_dates.cohort_date,
        case when definitions_numbered.has_cuts then cuts.segment end as segment,
        case when definitions_numbered.has_cuts then cuts.first_channel end as first_channel,
        case when definitions_numbered.has_cuts then cuts.plan end as plan,
        counts.measure,
        counts.period_number,
        counts.last_period_number,
        cast(sum(counts.count_entities) as bigint) as count_entities
    from counts
    inner join definitions_numbered
        on counts.definition_number = definitions_numbered.definition_number
    inner join cuts
        on counts.cut_number = cuts.cut_number
    inner join cohort_dates
        on
            counts.grain = cohort_dates.grain
            and counts.cohort_index = cohort_dates.cohort_index
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
)

select * from final
