with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__event_days'
),

days_aggregated as (
    select
        user_id,
        anonymous_id,
        group_id,
        event_name,
        cast(event_at as date) as activity_date,
        received_date,
        count(*) as count_events,
        min(event_at) as first_event_at,
        max(event_at) as last_event_at,
        {{ collect_times('event_at') }} as event_times
    from calls
    where
        {{ received_days_to_build() }}
        and call_type in ('track', 'page', 'screen')
        and exclusion_reason is null
    group by
        user_id,
        anonymous_id,
        group_id,
        event_name,
        cast(event_at as date),
        received_date
),

stretches_counted as (
    select
        *,
        {{ count_stretches('event_times', var('session_gap_minutes')) }} as count_stretches
    from days_aggregated
),

final as (
    select
        stretches_counted.user_id,
        stretches_counted.anonymous_id,
        stretches_counted.group_id,
        stretches_counted.event_name,
        stretches_counted.activity_date,
        stretches_counted.received_date,
        stretches_counted.count_events,
        cast(stretches_counted.count_stretches as bigint) as count_stretches,
        stretches_counted.first_event_at,
        stretches_counted.last_event_at,
        stretches_counted.event_times,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from stretches_counted
    cross join build_state
)

select * from final
