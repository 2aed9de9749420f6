with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__groups'
),

traits_read as (
    select
        received_date,
        user_id,
        anonymous_id,
        group_id,
        event_at,
        {{ clean_text(json_text('traits', 'name')) }} as account_name,
        coalesce(
            {{ url_host(json_text('traits', 'domain')) }},
            {{ url_host(json_text('traits', 'website')) }}
        ) as domain,
        {{ clean_text(json_text('traits', 'industry')) }} as industry,
        {{ json_number('traits', 'employees', 'bigint') }} as employees,
        lower({{ clean_text(json_text('traits', 'plan')) }}) as plan
    from calls
    where
        {{ received_days_to_build() }}
        and call_type = 'group'
        and exclusion_reason is null
),

groups_grouped as (
    select
        received_date,
        user_id,
        anonymous_id,
        group_id,
        account_name,
        domain,
        industry,
        employees,
        plan,
        count(*) as count_calls,
        min(event_at) as first_grouped_at,
        max(event_at) as last_grouped_at,
        {{ collect_times('event_at') }} as group_times
    from traits_read
    group by
        received_date,
        user_id,
        anonymous_id,
        group_id,
        account_name,
        domain,
        industry,
        employees,
        plan
),

final as (
    select
        groups_grouped.received_date,
        groups_grouped.user_id,
        groups_grouped.anonymous_id,
        groups_grouped.group_id,
        groups_grouped.account_name,
        groups_grouped.domain,
        groups_grouped.industry,
        groups_grouped.employees,
        groups_grouped.plan,
        groups_grouped.count_calls,
        groups_grouped.first_grouped_at,
        groups_grouped.last_grouped_at,
        groups_grouped.group_times,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from groups_grouped
    cross join build_state
)

select * from final
