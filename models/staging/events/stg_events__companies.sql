with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__companies'
),

traits_told as (
    -- a company may be told in every row: read once, whatever the number
    select
        received_date,
        user_id,
        anonymous_id,
        traits,
        max(event_at) as last_told_at
    from calls
    where
        {{ received_days_to_build() }}
        and call_type in ('identify', 'track', 'page', 'screen')
        and traits <> '{}'
        and exclusion_reason is null
    group by received_date, user_id, anonymous_id, traits
),

traits_read as (
    -- Segment's spec has `company` as an object; many products send a text
    select
        received_date,
        user_id,
        anonymous_id,
        last_told_at,
        {{ clean_text('coalesce(' ~ json_text('traits', 'company.name') ~ ', ' ~ json_text('traits', 'company') ~ ', ' ~ json_text('traits', 'company_name') ~ ', ' ~ json_text('traits', 'organization') ~ ')') }} as company_name
    from traits_told
),

companies_grouped as (
    select
        received_date,
        user_id,
        anonymous_id,
        company_name,
        max(last_told_at) as last_told_at
    from traits_read
    where company_name is not null and substr(company_name, 1, 1) <> '{'
    group by received_date, user_id, anonymous_id, company_name
),

final as (
    select
        companies_grouped.received_date,
        companies_grouped.user_id,
        companies_grouped.anonymous_id,
        companies_grouped.company_name,
        companies_grouped.last_told_at,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from companies_grouped
    cross join build_state
)

select * from final
