with

calls as (
    select * from {{ ref('stg_events__calls') }}
),

channel_rules as (
    select * from {{ ref('channel_rules') }}
),

build_state as (
    select * from {{ ref('stg_events__build_state') }}
    where model_name = 'stg_events__touches'
),

pages as (
    select
        message_id,
        user_id,
        anonymous_id,
        event_at,
        received_date,
        lower({{ clean_text('utm_source') }}) as utm_source,
        lower({{ clean_text('utm_medium') }}) as utm_medium,
        {{ clean_text('utm_campaign') }} as campaign,
        {{ clean_text('utm_term') }} as term,
        {{ clean_text('utm_content') }} as content,
        page_url,
        -- the site that led here, unless it is the site itself
        nullif({{ url_host('referrer_url') }}, {{ url_host('page_url') }}) as external_host
    from calls
    where
        {{ received_days_to_build() }}
        and call_type = 'page'
        and exclusion_reason is null
),

entries as (
    -- somebody came from outside: by a tagged link or from another site
    select *
    from pages
    where
        utm_source is not null
        or utm_medium is not null
        or campaign is not null
        or external_host is not null
),

entry_kinds as (
    -- few: thousands of entries share one combination
    select distinct
        coalesce(utm_source, '') as source_text,
        coalesce(utm_medium, '') as medium_text,
        coalesce(external_host, '') as host_text
    from entries
),

kinds_with_rule as (
    select
        entry_kinds.source_text,
        entry_kinds.medium_text,
        entry_kinds.host_text,
        channel_rules.channel,
        row_number() over (
            partition by entry_kinds.source_text, entry_kinds.medium_text, entry_kinds.host_text
            order by channel_rules.rule_number
        ) as rule_rank
    from entry_kinds
    left join channel_rules
        on
            regexp_matches(entry_kinds.medium_text, coalesce(channel_rules.medium_pattern, ''))
            and regexp_matches(entry_kinds.source_text, coalesce(channel_rules.source_pattern, ''))
            and regexp_matches(entry_kinds.host_text, coalesce(channel_rules.referrer_pattern, ''))
),

final as (
    select
        entries.message_id,
        entries.user_id,
        entries.anonymous_id,
        coalesce(kinds_with_rule.channel, 'other') as channel,
        coalesce(entries.utm_source, entries.external_host) as source,
        entries.utm_medium as medium,
        entries.campaign,
        entries.term,
        entries.content,
        entries.external_host as referrer_host,
        entries.page_url as landing_url,
        entries.event_at as touched_at,
        entries.received_date,
        build_state.newest_load_id as built_load_id,
        build_state.rules_hash
    from entries
    inner join kinds_with_rule
        on
            coalesce(entries.utm_source, '') = kinds_with_rule.source_text
            and coalesce(entries.utm_medium, '') = kinds_with_rule.medium_text
            and coalesce(entries.external_host, '') = kinds_with_rule.host_text
            and kinds_with_rule.rule_rank = 1
    cross join build_state
    where coalesce(kinds_with_rule.channel, 'other') <> 'ignored'
)

select * from final
