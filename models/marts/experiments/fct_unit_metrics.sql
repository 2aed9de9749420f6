with

fct_exposures as (
    select * from {{ ref('fct_exposures') }}
    where not is_in_two_variants
),

experiment_metrics as (
    select * from {{ ref('experiment_metrics') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

fct_person_events as (
    select * from {{ ref('fct_person_events') }}
),

fct_person_days as (
    select * from {{ ref('fct_person_days') }}
),

fct_account_days as (
    select * from {{ ref('fct_account_days') }}
),

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

fct_mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

unit_windows as (
    -- by the moment for what has one, by the day for what is known by day
    select
        fct_exposures.experiment_key,
        fct_exposures.unit_type,
        fct_exposures.unit_id,
        fct_exposures.variant,
        fct_exposures.first_exposed_at,
        experiment_metrics.metric,
        experiment_metrics.kind,
        experiment_metrics.source_type,
        experiment_metrics.source_name,
        experiment_metrics.pre_days,
        {{ add_hours('fct_exposures.first_exposed_at', '24 * experiment_metrics.from_day') }}
            as window_starts_at,
        {{ add_hours('fct_exposures.first_exposed_at', '24 * experiment_metrics.window_days') }}
            as window_ends_at,
        {{ add_hours('fct_exposures.first_exposed_at', '-24 * experiment_metrics.pre_days') }}
            as pre_starts_at,
        {{ add_days('fct_exposures.first_exposed_at', 'experiment_metrics.from_day') }}
            as window_first_date,
        {{ add_days('fct_exposures.first_exposed_at', 'experiment_metrics.window_days') }}
            as window_end_date,
        cast(fct_exposures.first_exposed_at as date) as exposed_date,
        {{ add_days('fct_exposures.first_exposed_at', '-experiment_metrics.pre_days') }}
            as pre_first_date
    from fct_exposures
    inner join experiment_metrics
        on fct_exposures.experiment_key = experiment_metrics.experiment_key
),

counted_names as (
    select distinct source_name as event_name
    from experiment_metrics
    where source_type = 'event'
),

counted_events as (
    -- the semi join keeps the unnesting of times to the few events a metric names
    select
        person_id,
        account_id,
        event_name,
        event_at
    from fct_person_events
    where event_name in (select event_name from counted_names)
),

activity_names as (
    select event_name
    from event_registry
    where is_product_activity
),

measured as (
    {%- for unit_type, days in [('person', 'fct_person_days'), ('account', 'fct_account_days')] %}
    select
        unit_windows.experiment_key,
        unit_windows.unit_id,
        unit_windows.metric,
        sum(case when events.event_at >= unit_windows.window_starts_at then 1 else 0 end) as amount,
        sum(case when events.event_at < unit_windows.first_exposed_at then 1 else 0 end)
            as pre_amount
    from unit_windows
    inner join counted_events as events
        on
            unit_windows.unit_id = events.{{ unit_type }}_id
            and unit_windows.source_name = events.event_name
            and unit_windows.window_ends_at > events.event_at
            and (
                unit_windows.window_starts_at <= events.event_at
                or (
                    unit_windows.pre_starts_at <= events.event_at
                    and unit_windows.first_exposed_at > events.event_at
                )
            )
    where
        unit_windows.source_type = 'event'
        and unit_windows.unit_type = '{{ unit_type }}'
    group by unit_windows.experiment_key, unit_windows.unit_id, unit_windows.metric
    union all
    select
        unit_windows.experiment_key,
        unit_windows.unit_id,
        unit_windows.metric,
        sum(
            case
                when days.activity_date >= unit_windows.window_first_date then days.count_events
                else 0
            end
        ) as amount,
        sum(
            case when days.activity_date < unit_windows.exposed_date then days.count_events else 0 end
        ) as pre_amount
    from unit_windows
    inner join {{ days }} as days
        on
            unit_windows.unit_id = days.{{ unit_type }}_id
            and unit_windows.window_end_date > days.activity_date
            and (
                unit_windows.window_first_date <= days.activity_date
                or (
                    unit_windows.pre_first_date <= days.activity_date
                    and unit_windows.exposed_date > days.activity_date
                )
            )
    inner join activity_names on days.event_name = activity_names.event_name
    where
        unit_windows.source_type = 'activity'
        and unit_windows.unit_type = '{{ unit_type }}'
    group by unit_windows.experiment_key, unit_windows.unit_id, unit_windows.metric
    union all
    select
        unit_windows.experiment_key,
        unit_windows.unit_id,
        unit_windows.metric,
        count(*) as amount,
        0 as pre_amount
    from unit_windows
    inner join fct_person_milestones as milestones
        on
            unit_windows.unit_id = milestones.{{ unit_type }}_id
            and unit_windows.source_name = milestones.milestone
            and unit_windows.window_starts_at <= milestones.reached_at
            and unit_windows.window_ends_at > milestones.reached_at
    where
        unit_windows.source_type = 'milestone'
        and unit_windows.unit_type = '{{ unit_type }}'
    group by unit_windows.experiment_key, unit_windows.unit_id, unit_windows.metric
    union all
    {%- endfor %}
    select
        unit_windows.experiment_key,
        unit_windows.unit_id,
        unit_windows.metric,
        sum(
            case when unit_windows.source_type = 'revenue' then movements.amount else 1 end
        ) as amount,
        0 as pre_amount
    from unit_windows
    inner join fct_mrr_movements as movements
        on
            unit_windows.unit_id = movements.account_id
            and unit_windows.window_first_date <= movements.movement_date
            and unit_windows.window_end_date > movements.movement_date
    where
        unit_windows.unit_type = 'account'
        and (
            (
                unit_windows.source_type = 'movement'
                and unit_windows.source_name = movements.movement_type
            )
            or (unit_windows.source_type = 'revenue' and movements.movement_type <> 'fx')
        )
    group by unit_windows.experiment_key, unit_windows.unit_id, unit_windows.metric
),

final as (
    select
        unit_windows.experiment_key,
        unit_windows.unit_type,
        unit_windows.unit_id,
        unit_windows.metric,
        unit_windows.variant,
        case
            when unit_windows.kind = 'mean' then cast(coalesce(measured.amount, 0) as double)
            when coalesce(measured.amount, 0) > 0 then cast(1 as double)
            else cast(0 as double)
        end as value,
        case
            when unit_windows.pre_days is not null and unit_windows.source_type in ('event', 'activity')
                then cast(coalesce(measured.pre_amount, 0) as double)
        end as pre_value,
        case
            when unit_windows.source_type in ('event', 'milestone')
                then unit_windows.window_ends_at <= dim_as_of.as_of_at
            else cast(unit_windows.window_end_date as timestamp) <= dim_as_of.as_of_at
        end as is_mature,
        unit_windows.first_exposed_at,
        case
            when unit_windows.source_type in ('event', 'milestone')
                then unit_windows.window_ends_at
            else cast(unit_windows.window_end_date as timestamp)
        end as window_ends_at
    from unit_windows
    left join measured
        on
            unit_windows.experiment_key = measured.experiment_key
            and unit_windows.unit_id = measured.unit_id
            and unit_windows.metric = measured.metric
    cross join dim_as_of
)

select * from final
