with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__usage_reports'
),

reports_read as (
    select
        user_id,
        anonymous_id,
        group_id,
        {{ json_number('properties', 'quota_used', 'decimal(18, 4)') }} as quota_used,
        {{ json_number('properties', 'quota_limit', 'decimal(18, 4)') }} as quota_limit,
        event_at as reported_at,
        message_id,
        received_date
    from calls
    where
        {{ received_days_to_build() }}
        and call_type = 'track'
        and event_name = 'usage_reported'
        and exclusion_reason is null
),

final as (
    select
        reports_read.message_id,
        reports_read.user_id,
        reports_read.anonymous_id,
        reports_read.group_id,
        reports_read.quota_used,
        reports_read.quota_limit,
        reports_read.reported_at,
        reports_read.received_date,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from reports_read
    cross join build_state
)

select * from final
