with

step_progress as (
    select * from {{ ref('int_activation__step_progress') }}
),

signups as (
    select * from {{ ref('int_activation__signups') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

progress as (
    select
        step_progress.entity_type,
        signups.cohort_week,
        signups.segment,
        step_progress.milestone,
        step_progress.condition_group,
        step_progress.step_number,
        step_progress.event_name,
        step_progress.window_days,
        step_progress.entered_at,
        step_progress.completed_at,
        case
            -- an account's people may have done a step before the account was there
            when step_progress.completed_at < step_progress.entered_at then 0
            else {{ seconds_between('step_progress.entered_at', 'step_progress.completed_at') }} / 60.0
        end as minutes_in_step,
        step_progress.completed_at is null
        and {{ add_hours('step_progress.signed_up_at', '24 * step_progress.window_days') }} > dim_as_of.as_of_at
            as is_open,
        {{ add_days(
            'signups.cohort_week',
            '7 + max(step_progress.window_days) over (partition by step_progress.entity_type, step_progress.milestone, step_progress.condition_group, signups.cohort_week)'
        ) }} <= dim_as_of.as_of_date as is_mature
    from step_progress
    inner join signups
        on
            step_progress.entity_type = signups.entity_type
            and step_progress.entity_id = signups.entity_id
    cross join dim_as_of
),

progress_by_cohort as (
    select
        'week' as cohort_grain,
        cohort_week,
        is_mature,
        entity_type,
        segment,
        milestone,
        condition_group,
        step_number,
        event_name,
        entered_at,
        completed_at,
        minutes_in_step,
        is_open
    from progress
    union all
    -- every closed week together: what may be averaged
    select
        'all' as cohort_grain,
        min(cohort_week) over (partition by entity_type) as cohort_week,
        true as is_mature,
        entity_type,
        segment,
        milestone,
        condition_group,
        step_number,
        event_name,
        entered_at,
        completed_at,
        minutes_in_step,
        is_open
    from progress
    where is_mature
),

progress_by_cut as (
    select * from progress_by_cohort
    union all
    select
        cohort_grain,
        cohort_week,
        is_mature,
        entity_type,
        'all' as segment,
        milestone,
        condition_group,
        step_number,
        event_name,
        entered_at,
        completed_at,
        minutes_in_step,
        is_open
    from progress_by_cohort
),

step_counts as (
    select
        entity_type,
        cohort_grain,
        cohort_week,
        segment,
        milestone,
        condition_group,
        step_number,
        event_name,
        is_mature,
        count(*) as signups,
        count(entered_at) as entered,
        count(completed_at) as completed,
        count(case when entered_at is not null and is_open then 1 end) as still_open,
        {{ percentile('minutes_in_step', 0.5) }} as median_minutes_in_step,
        {{ percentile('minutes_in_step', 0.75) }} as p75_minutes_in_step,
        {{ percentile('minutes_in_step', 0.9) }} as p90_minutes_in_step
    from progress_by_cut
    group by
        entity_type,
        cohort_grain,
        cohort_week,
        segment,
        milestone,
        condition_group,
        step_number,
        event_name,
        is_mature
),

final as (
    select
        entity_type,
        cohort_grain,
        cohort_week,
        segment,
        milestone,
        condition_group,
        step_number,
        event_name,

        signups,
        entered,
        completed,
        still_open,
        entered - completed - still_open as dropped,
        completed / nullif(entered, 0) as completion_rate,
        (entered - completed - still_open) / nullif(entered, 0) as drop_off_rate,
        median_minutes_in_step,
        p75_minutes_in_step,
        p90_minutes_in_step,

        is_mature
    from step_counts
)

select * from final
