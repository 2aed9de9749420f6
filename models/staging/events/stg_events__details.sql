with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__details'
),

details_read as (
    -- an event's own properties only: JSON costs more than all the rest
    select
        message_id,
        event_name,
        user_id,
        anonymous_id,
        group_id,
        case
            when event_name in ('teammate_invited', 'invite_accepted')
                then {{ clean_text(json_text('properties', 'invite_id')) }}
        end as invite_id,
        case
            when event_name = 'report_shared' then {{ clean_text(json_text('properties', 'share_id')) }}
        end as share_id,
        case
            when event_name = 'report_shared' then {{ json_bool('properties', 'is_external') }}
        end as is_external,
        case
            when event_name = 'usage_reported'
                then {{ json_number('properties', 'quota_used', 'decimal(18, 4)') }}
        end as quota_used,
        case
            when event_name = 'usage_reported'
                then {{ json_number('properties', 'quota_limit', 'decimal(18, 4)') }}
        end as quota_limit,
        case
            when event_name = 'experiment_viewed'
                then {{ clean_text(json_text('properties', 'experiment_key')) }}
        end as experiment_key,
        case
            when event_name = 'experiment_viewed' then {{ clean_text(json_text('properties', 'variant')) }}
        end as variant,
        case
            when event_name = 'feature_gate_hit' then {{ clean_text(json_text('properties', 'feature')) }}
            when event_name = 'limit_reached' then {{ clean_text(json_text('properties', 'limit')) }}
        end as gate,
        event_at,
        received_date
    from calls
    where
        {{ received_days_to_build() }}
        and call_type = 'track'
        and event_name in (
            'teammate_invited', 'invite_accepted', 'report_shared', 'usage_reported', 'experiment_viewed',
            'feature_gate_hit', 'limit_reached'
        )
        and exclusion_reason is null
),

final as (
    select
        details_read.message_id,
        details_read.event_name,
        details_read.user_id,
        details_read.anonymous_id,
        details_read.group_id,
        details_read.invite_id,
        details_read.share_id,
        details_read.quota_used,
        details_read.quota_limit,
        details_read.experiment_key,
        details_read.variant,
        details_read.event_at,
        details_read.received_date,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash,
        details_read.gate
    from details_read
    cross join build_state
    -- a report shared with a colleague brings nobody new
    where details_read.event_name <> 'report_shared' or details_read.is_external
)

select * from final
