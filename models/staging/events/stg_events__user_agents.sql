with

events as (
    select * from {{ source('raw', 'events') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__user_agents'
),

agents_counted as (
    select
        received_date,
        lower(user_agent) as user_agent,
        count(*) as count_calls
    from events
    where
        {{ received_days_to_build() }}
        and user_agent is not null
    group by received_date, lower(user_agent)
),

final as (
    select
        agents_counted.received_date,
        agents_counted.user_agent,
        agents_counted.count_calls,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from agents_counted
    cross join build_state
)

select * from final
