with

int_retention__cohort_returns as (
    select * from {{ ref('int_retention__cohort_returns') }}
),

retention_windows as (
    select * from {{ ref('retention_windows') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

counts_by_cut as (
    {%- for dimension in ['all', 'segment', 'first_channel', 'plan'] %}
    select
        definition_key,
        entity_type,
        grain,
        '{{ dimension }}' as dimension,
        {{ "'all'" if dimension == 'all' else dimension }} as dimension_value,
        cohort_index,
        cohort_date,
        measure,
        period_number,
        last_period_number,
        sum(count_entities) as count_entities
    from int_retention__cohort_returns
    {%- if dimension != 'all' %}
    where {{ dimension }} is not null
    {%- endif %}
    group by
        definition_key,
        entity_type,
        grain,
        {%- if dimension != 'all' %}
        {{ dimension }},
        {%- endif %}
        cohort_index,
        cohort_date,
        measure,
        period_number,
        last_period_number
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

cohorts as (
    select
        definition_key,
        entity_type,
        grain,
        dimension,
        dimension_value,
        cohort_index,
        cohort_date,
        count_entities as cohort_size
    from counts_by_cut
    where measure = 'cohort'
),

calendar as (
    select {{ date_spine('first_cohort_date', 'as_of_date') }} as calendar_date
    from (
        select
            min(cohorts.cohort_date) as first_cohort_date,
            max(dim_as_of.as_of_date) as as_of_date
        from cohorts
        cross join dim_as_of
    ) as bounds
),

periods as (
    {%- for grain in ['week', 'month'] %}
    select distinct
        '{{ grain }}' as grain,
        {{ period_index(grain, 'calendar_date') }} as period_index
    from calendar
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

now_by_grain as (
    {%- for grain in ['day', 'week', 'month'] %}
    select
        '{{ grain }}' as grain,
        {{ period_index(grain, 'as_of_date') }} as now_index
    from dim_as_of
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

windows as (
    select
        cohorts.*,
        retention_windows.first_day as period_number,
        retention_windows.last_day as last_period_number
    from cohorts
    cross join retention_windows
    where cohorts.grain = 'day'
    union all
    select
        cohorts.*,
        periods.period_index - cohorts.cohort_index as period_number,
        periods.period_index - cohorts.cohort_index as last_period_number
    from cohorts
    inner join periods
        on
            cohorts.grain = periods.grain
            and cohorts.cohort_index <= periods.period_index
),

windows_begun as (
    select
        windows.*,
        windows.cohort_index + windows.last_period_number < now_by_grain.now_index as is_mature
    from windows
    inner join now_by_grain
        on windows.grain = now_by_grain.grain
    where windows.cohort_index + windows.period_number <= now_by_grain.now_index
),

methods as (
    select 'bounded' as method
    union all
    select 'rolling' as method
    union all
    select 'bracket' as method
),

windows_by_method as (
    select
        windows_begun.*,
        methods.method,
        case when methods.method = 'rolling' then 'last' else methods.method end as measure
    from windows_begun
    inner join methods
        on (methods.method = 'bracket') = (windows_begun.period_number < windows_begun.last_period_number)
),

windows_counted as (
    select
        windows_by_method.*,
        coalesce(counts_by_cut.count_entities, 0) as count_in_window,
        -- whoever came back for the last time in a later window was still there in this one
        sum(coalesce(counts_by_cut.count_entities, 0)) over (
            partition by
                windows_by_method.definition_key,
                windows_by_method.entity_type,
                windows_by_method.grain,
                windows_by_method.dimension,
                windows_by_method.dimension_value,
                windows_by_method.cohort_index,
                windows_by_method.method
            order by windows_by_method.period_number desc
            rows between unbounded preceding and current row
        ) as count_from_window_on
    from windows_by_method
    left join counts_by_cut
        on
            windows_by_method.definition_key = counts_by_cut.definition_key
            and windows_by_method.entity_type = counts_by_cut.entity_type
            and windows_by_method.grain = counts_by_cut.grain
            and windows_by_method.dimension = counts_by_cut.dimension
            and windows_by_method.dimension_value = counts_by_cut.dimension_value
            and windows_by_method.cohort_index = counts_by_cut.cohort_index
            and windows_by_method.measure = counts_by_cut.measure
            and windows_by_method.period_number = counts_by_cut.period_number
            and windows_by_method.last_period_number = counts_by_cut.last_period_number
),

retained as (
    select
        windows_counted.*,
        case
            -- in the period of the start everyone is there
            when period_number = 0 then cohort_size
            when method = 'rolling' then count_from_window_on
            else count_in_window
        end as retained
    from windows_counted
),

final as (
    select
        definition_key,
        entity_type,
        grain,
        method,
        dimension,
        dimension_value,
        cohort_date,
        cast(period_number as integer) as period_number,
        cast(last_period_number as integer) as last_period_number,

        cast(cohort_size as bigint) as cohort_size,
        cast(retained as bigint) as retained,
        retained / cohort_size as retention_rate,

        is_mature
    from retained
)

select * from final
