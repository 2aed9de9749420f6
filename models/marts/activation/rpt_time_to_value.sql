with

signups as (
    select * from {{ ref('int_activation__signups') }}
),

buckets as (
    select * from {{ ref('milestone_time_buckets') }}
),

bucket_bounds as (
    -- what is slower than the bound before, up to the bucket's own
    select
        bucket_number,
        coalesce(lag(up_to_minutes) over (order by bucket_number), -1) as over_minutes,
        up_to_minutes
    from buckets
    where state = 'activated'
),

signups_in_buckets as (
    select
        signups.entity_type,
        signups.cohort_week,
        signups.segment,
        signups.is_cohort_mature,
        signups.minutes_to_value,
        coalesce(bucket_bounds.bucket_number, buckets_not_reached.bucket_number) as bucket_number
    from signups
    left join bucket_bounds
        on
            signups.minutes_to_value > bucket_bounds.over_minutes
            and (bucket_bounds.up_to_minutes is null or signups.minutes_to_value <= bucket_bounds.up_to_minutes)
    left join buckets as buckets_not_reached
        on
            signups.activated_at is null
            and buckets_not_reached.state = case when signups.is_window_closed then 'never' else 'open' end
),

signups_by_cohort as (
    select
        'week' as cohort_grain,
        cohort_week,
        is_cohort_mature as is_mature,
        entity_type,
        segment,
        minutes_to_value,
        bucket_number
    from signups_in_buckets
    union all
    -- every closed week together: what may be averaged
    select
        'all' as cohort_grain,
        min(cohort_week) over (partition by entity_type) as cohort_week,
        true as is_mature,
        entity_type,
        segment,
        minutes_to_value,
        bucket_number
    from signups_in_buckets
    where is_cohort_mature
),

signups_by_cut as (
    select * from signups_by_cohort
    union all
    select
        cohort_grain,
        cohort_week,
        is_mature,
        entity_type,
        'all' as segment,
        minutes_to_value,
        bucket_number
    from signups_by_cohort
),

cohorts as (
    select
        entity_type,
        cohort_grain,
        cohort_week,
        segment,
        is_mature,
        count(*) as signups,
        count(minutes_to_value) as activated,
        {{ percentile('minutes_to_value', 0.5) }} as median_minutes_to_value,
        {{ percentile('minutes_to_value', 0.75) }} as p75_minutes_to_value,
        {{ percentile('minutes_to_value', 0.9) }} as p90_minutes_to_value
    from signups_by_cut
    group by entity_type, cohort_grain, cohort_week, segment, is_mature
),

bucket_counts as (
    select
        entity_type,
        cohort_grain,
        cohort_week,
        segment,
        bucket_number,
        count(*) as entities
    from signups_by_cut
    group by entity_type, cohort_grain, cohort_week, segment, bucket_number
),

final as (
    select
        cohorts.entity_type,
        cohorts.cohort_grain,
        cohorts.cohort_week,
        cohorts.segment,
        buckets.bucket_number,

        buckets.bucket,
        buckets.state as bucket_state,
        cohorts.signups,
        coalesce(bucket_counts.entities, 0) as entities,
        coalesce(bucket_counts.entities, 0) / cohorts.signups as share,
        cohorts.activated,
        cohorts.median_minutes_to_value,
        cohorts.p75_minutes_to_value,
        cohorts.p90_minutes_to_value,

        cohorts.is_mature
    from cohorts
    cross join buckets
    left join bucket_counts
        on
            cohorts.entity_type = bucket_counts.entity_type
            and cohorts.cohort_grain = bucket_counts.cohort_grain
            and cohorts.cohort_week = bucket_counts.cohort_week
            and cohorts.segment = bucket_counts.segment
            and buckets.bucket_number = bucket_counts.bucket_number
)

select * from final
