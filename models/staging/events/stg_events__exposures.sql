with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__exposures'
),

exposures_read as (
    select
        message_id,
        user_id,
        anonymous_id,
        group_id,
        {{ clean_text(json_text('properties', 'experiment_key')) }} as experiment_key,
        {{ clean_text(json_text('properties', 'variant')) }} as variant,
        event_at as exposed_at,
        received_date
    from calls
    where
        {{ received_days_to_build() }}
        and call_type = 'track'
        and event_name = 'experiment_viewed'
        and exclusion_reason is null
),

final as (
    select
        exposures_read.message_id,
        exposures_read.user_id,
        exposures_read.anonymous_id,
        exposures_read.group_id,
        exposures_read.experiment_key,
        exposures_read.variant,
        exposures_read.exposed_at,
        exposures_read.received_date,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from exposures_read
    cross join build_state
    where
        exposures_read.experiment_key is not null
        and exposures_read.variant is not null
)

select * from final
