with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__exclusions'
),

exclusions_counted as (
    select
        received_date,
        call_type,
        exclusion_reason,
        count(*) as count_calls
    from calls
    where
        {{ received_days_to_build() }}
        and exclusion_reason is not null
    group by received_date, call_type, exclusion_reason
),

final as (
    select
        exclusions_counted.received_date,
        exclusions_counted.call_type,
        exclusions_counted.exclusion_reason,
        exclusions_counted.count_calls,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from exclusions_counted
    cross join build_state
)

select * from final
