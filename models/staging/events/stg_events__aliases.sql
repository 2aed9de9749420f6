with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__aliases'
),

aliases_grouped as (
    select
        received_date,
        previous_id,
        user_id,
        anonymous_id,
        count(*) as count_calls,
        min(event_at) as first_aliased_at,
        max(event_at) as last_aliased_at,
        {{ collect_times('event_at') }} as alias_times
    from calls
    where
        {{ received_days_to_build() }}
        and call_type = 'alias'
        and exclusion_reason is null
    group by received_date, previous_id, user_id, anonymous_id
),

final as (
    select
        aliases_grouped.received_date,
        aliases_grouped.previous_id,
        aliases_grouped.user_id,
        aliases_grouped.anonymous_id,
        aliases_grouped.count_calls,
        aliases_grouped.first_aliased_at,
        aliases_grouped.last_aliased_at,
        aliases_grouped.alias_times,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from aliases_grouped
    cross join build_state
)

select * from final
