with

trials as (
    select * from {{ ref('fct_trials') }}
),

trials_matured as (
    -- a month is mature when every trial begun in it is decided
    select
        *,
        {{ month_start('started_at') }} as trial_month,
        min(case when is_decided then 1 else 0 end) over (partition by {{ month_start('started_at') }}) = 1
            as is_month_decided
    from trials
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

trials_in_months as (
    select
        trials_matured.*,
        trials_matured.is_month_decided
        and {{ add_days(add_months_to('trials_matured.trial_month', 1), var('trial_conversion_days')) }}
        <= as_of.as_of_date as is_mature
    from trials_matured
    cross join as_of
),

cohorts as (
    select
        'month' as cohort_grain,
        trial_month as cohort_month,
        coalesce(plan_key, 'unknown') as plan_key,
        is_reverse_trial,
        outcome,
        is_extended,
        days_to_convert,
        is_mature
    from trials_in_months

    union all

    select
        'total' as cohort_grain,
        cast(null as date) as cohort_month,
        coalesce(plan_key, 'unknown') as plan_key,
        is_reverse_trial,
        outcome,
        is_extended,
        days_to_convert,
        is_mature
    from trials_in_months
    where is_mature
),

counted as (
    select
        cohort_grain,
        cohort_month,
        plan_key,
        is_reverse_trial,
        is_mature,
        count(*) as trials,
        count(case when outcome in ('converted', 'converted_early') then 1 end) as converted_trials,
        count(case when outcome = 'converted_early' then 1 end) as converted_early_trials,
        count(case when outcome = 'cancelled' then 1 end) as cancelled_trials,
        count(case when outcome = 'expired_to_free' then 1 end) as expired_trials,
        count(case when outcome = 'running' then 1 end) as running_trials,
        count(case when is_extended then 1 end) as extended_trials,
        {{ percentile('days_to_convert', 0.5) }} as median_days_to_convert
    from cohorts
    group by 1, 2, 3, 4, 5
),

final as (
    select
        -- keys
        cohort_grain,
        cohort_month,
        plan_key,
        is_reverse_trial,
        -- attributes
        is_mature,
        -- measures
        trials,
        converted_trials,
        converted_early_trials,
        cancelled_trials,
        expired_trials,
        running_trials,
        extended_trials,
        trials - running_trials as ended_trials,
        case
            when trials > running_trials then cast(converted_trials as double) / (trials - running_trials)
        end as conversion_rate,
        case
            when trials > running_trials then cast(expired_trials as double) / (trials - running_trials)
        end as downgrade_rate,
        median_days_to_convert
    from counted
)

select * from final
