with

models as (
    select * from {{ ref('pql_models') }}
),

signals as (
    select * from {{ ref('pql_signals') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

parts_now as (
    -- what a score follows from; sentences and actions change none
    select
        model_key,
        'model' as part,
        method as part_key,
        concat_ws(
            ', ', 'version ' || cast(version as varchar), 'level ' || level,
            'at most ' || cast(max_points as varchar) || ' points',
            'score 1 to 10 from ' || cast(score_1_points as varchar) || ' to ' || cast(score_10_points as varchar)
        ) as definition,
        cast(null as decimal(9, 2)) as points
    from models
    union all
    select
        model_key,
        'status' as part,
        'status' as part_key,
        concat_ws(', ', status, 'approved by ' || approved_by) as definition,
        cast(null as decimal(9, 2)) as points
    from models
    union all
    select
        model_key,
        'signal' as part,
        signal_key as part_key,
        concat_ws(
            ', ', kind || ' of ' || coalesce(event_names, attribute, 'nothing'),
            'unless ' || unless_event_names,
            'rule ' || rule_key,
            'window ' || cast(window_days as varchar) || ' days',
            'at least ' || cast(min_count as varchar),
            'threshold ' || cast(threshold as varchar),
            'half-life ' || cast(half_life_days as varchar) || ' days',
            cast(points as varchar) || ' points'
        ) as definition,
        cast(points as decimal(9, 2)) as points
    from signals
    union all
    select
        model_key,
        'tier' as part,
        tier as part_key,
        'from ' || cast(min_points as varchar) || ' points on' as definition,
        cast(min_points as decimal(9, 2)) as points
    from tiers
),

entries as (
    {% if is_incremental() -%}
    select * from {{ this }}
    {%- else -%}
    -- the same columns, and no memory yet
    select
        cast(null as bigint) as build_number,
        parts_now.model_key,
        models.version,
        parts_now.part,
        parts_now.part_key,
        parts_now.definition,
        parts_now.points,
        clock.as_of_at as recorded_at
    from parts_now
    inner join models on parts_now.model_key = models.model_key
    cross join clock
    where false
    {%- endif %}
),

memory as (
    select
        coalesce(max(build_number), 0) as build_number,
        max(recorded_at) as recorded_at
    from entries
),

-- a run whose now lies before what was written is a look at the past: it remembers nothing
this_build as (
    select
        memory.build_number + 1 as build_number,
        clock.as_of_at as recorded_at
    from clock
    cross join memory
    where coalesce(clock.as_of_at >= memory.recorded_at, true)
),

last_entries as (
    select *
    from entries
    qualify row_number() over (
        partition by model_key, part, part_key order by build_number desc
    ) = 1
),

final as (
    -- what is gone leaves a row without a definition; gone twice is no news
    select
        this_build.build_number,
        coalesce(parts_now.model_key, last_entries.model_key) as model_key,
        coalesce(models.version, last_entries.version) as version,
        coalesce(parts_now.part, last_entries.part) as part,
        coalesce(parts_now.part_key, last_entries.part_key) as part_key,
        parts_now.definition,
        parts_now.points,
        this_build.recorded_at
    from parts_now
    full outer join last_entries
        on
            parts_now.model_key = last_entries.model_key
            and parts_now.part = last_entries.part
            and parts_now.part_key = last_entries.part_key
    left join models on coalesce(parts_now.model_key, last_entries.model_key) = models.model_key
    cross join this_build
    where parts_now.definition is distinct from last_entries.definition
)

select * from final
