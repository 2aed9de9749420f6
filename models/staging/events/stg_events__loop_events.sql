with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__loop_events'
),

loop_calls as (
    select
        message_id,
        event_name,
        user_id,
        anonymous_id,
        group_id,
        {{ clean_text(json_text('properties', 'invite_id')) }} as invite_id,
        {{ clean_text(json_text('properties', 'share_id')) }} as share_id,
        coalesce({{ json_bool('properties', 'is_external') }}, false) as is_external,
        event_at,
        received_date
    from calls
    where
        {{ received_days_to_build() }}
        and call_type = 'track'
        and event_name in ('teammate_invited', 'invite_accepted', 'report_shared')
        and exclusion_reason is null
),

final as (
    select
        loop_calls.message_id,
        loop_calls.event_name,
        loop_calls.user_id,
        loop_calls.anonymous_id,
        loop_calls.group_id,
        loop_calls.invite_id,
        loop_calls.share_id,
        loop_calls.event_at,
        loop_calls.received_date,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from loop_calls
    cross join build_state
    -- a report shared with a colleague brings nobody new
    where loop_calls.event_name <> 'report_shared' or loop_calls.is_external
)

select * from final
