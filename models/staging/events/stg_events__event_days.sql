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

final as (
    select
        days_aggregated.user_id,
        days_aggregated.anonymous_id,
        days_aggregated.group_id,
        days_aggregated.event_name,
        days_aggregated.activity_date,
        days_aggregated.received_date,
        days_aggregated.count_events,
        days_aggregated.first_event_at,
        days_aggregated.last_event_at,
        days_aggregated.event_times,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from days_aggregated
    cross join build_state
)

select * from final
