with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__identifies'
),

traits_read as (
    select
        received_date,
        user_id,
        anonymous_id,
        event_at,
        {{ clean_email(json_text('traits', 'email')) }} as email,
        coalesce(
            {{ json_bool('traits', 'email_verified') }},
            {{ json_bool('traits', 'emailVerified') }},
            false
        ) as is_email_verified,
        {{ clean_text('coalesce(' ~ json_text('traits', 'firstName') ~ ', ' ~ json_text('traits', 'first_name') ~ ')') }} as first_name,
        {{ clean_text('coalesce(' ~ json_text('traits', 'lastName') ~ ', ' ~ json_text('traits', 'last_name') ~ ')') }} as last_name,
        {{ clean_text(json_text('traits', 'name')) }} as full_name,
        {{ clean_text('coalesce(' ~ json_text('traits', 'title') ~ ', ' ~ json_text('traits', 'jobTitle') ~ ')') }} as title
    from calls
    where
        {{ received_days_to_build() }}
        and call_type = 'identify'
        and exclusion_reason is null
),

identifies_grouped as (
    -- products that identify on every page load repeat themselves all day
    select
        received_date,
        user_id,
        anonymous_id,
        email,
        is_email_verified,
        first_name,
        last_name,
        full_name,
        title,
        count(*) as count_calls,
        min(event_at) as first_identified_at,
        max(event_at) as last_identified_at,
        {{ collect_times('event_at') }} as identify_times
    from traits_read
    group by
        received_date,
        user_id,
        anonymous_id,
        email,
        is_email_verified,
        first_name,
        last_name,
        full_name,
        title
),

final as (
    select
        identifies_grouped.received_date,
        identifies_grouped.user_id,
        identifies_grouped.anonymous_id,
        identifies_grouped.email,
        identifies_grouped.is_email_verified,
        identifies_grouped.first_name,
        identifies_grouped.last_name,
        identifies_grouped.full_name,
        identifies_grouped.title,
        identifies_grouped.count_calls,
        identifies_grouped.first_identified_at,
        identifies_grouped.last_identified_at,
        identifies_grouped.identify_times,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from identifies_grouped
    cross join build_state
)

select * from final
