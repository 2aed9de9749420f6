{%- set days_to_build = received_days_to_build() -%}
with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

calls_again as (
    -- one import used twice would be kept in memory whole
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__identifies'
),

calls_that_identify as (
    select
        received_date,
        user_id,
        anonymous_id,
        traits,
        event_at as identified_at,
        1 as count_calls,
        1 as count_identify_calls,
        event_at as first_told_at,
        event_at as last_told_at
    from calls
    where
        {{ days_to_build }}
        and call_type = 'identify'
        and exclusion_reason is null
),

calls_that_carry_traits as (
    -- some vendors repeat the state of the user in every row: read once, whatever the number
    select
        received_date,
        user_id,
        anonymous_id,
        traits,
        cast(null as timestamp) as identified_at,
        count(*) as count_calls,
        0 as count_identify_calls,
        min(event_at) as first_told_at,
        max(event_at) as last_told_at
    from calls_again
    where
        {{ days_to_build }}
        and call_type in ('track', 'page', 'screen')
        and traits <> '{}'
        and exclusion_reason is null
    group by received_date, user_id, anonymous_id, traits
),

traits_told as (
    select * from calls_that_identify
    union all
    select * from calls_that_carry_traits
),

traits_read as (
    select
        received_date,
        user_id,
        anonymous_id,
        identified_at,
        count_calls,
        count_identify_calls,
        first_told_at,
        last_told_at,
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
    from traits_told
),

traits_of_note as (
    -- libraries also carry referrers and versions in every row
    select * from traits_read
    where
        count_identify_calls = 1
        or coalesce(email, first_name, last_name, full_name, title) is not null
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
        cast(sum(count_calls) as bigint) as count_calls,
        cast(sum(count_identify_calls) as bigint) as count_identify_calls,
        min(first_told_at) as first_identified_at,
        max(last_told_at) as last_identified_at,
        {{ collect_times_given('identified_at') }} as identify_times
    from traits_of_note
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
        identifies_grouped.count_identify_calls,
        identifies_grouped.first_identified_at,
        identifies_grouped.last_identified_at,
        identifies_grouped.identify_times,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from identifies_grouped
    cross join build_state
)

select * from final
