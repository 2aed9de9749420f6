with

events as (
    select * from {{ source('raw', 'events') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__event_names'
),

names_counted as (
    select
        received_date,
        event_name,
        count(*) as count_calls
    from events
    where
        {{ received_days_to_build() }}
        and call_type = 'track'
        and event_name is not null
    group by received_date, event_name
),

final as (
    select
        names_counted.received_date,
        names_counted.event_name,
        names_counted.count_calls,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from names_counted
    cross join build_state
)

select * from final
