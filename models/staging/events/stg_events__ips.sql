with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__ips'
),

ips_counted as (
    -- calls of a person at a screen: they say where somebody sits as well as every tracked action
    -- does, and are a fraction of them
    select
        received_date,
        user_id,
        anonymous_id,
        {{ clean_text('ip') }} as ip,
        count(*) as count_calls
    from calls
    where
        {{ received_days_to_build() }}
        and call_type in ('identify', 'page', 'screen')
        and ip is not null
        and exclusion_reason is null
    group by received_date, user_id, anonymous_id, {{ clean_text('ip') }}
),

final as (
    select
        ips_counted.received_date,
        ips_counted.user_id,
        ips_counted.anonymous_id,
        ips_counted.ip,
        ips_counted.count_calls,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from ips_counted
    cross join build_state
    where ips_counted.ip is not null
)

select * from final
