{%- set stream = 'partition by person_id, device_key' -%}
{#- at one moment the entry comes first: what was done at that moment is of its session. The
    rest of a moment are peers, so that it does not matter which of them a break was seen at -#}
{%- set in_order = 'order by started_at, is_entry desc' -%}
{%- set so_far = 'range between unbounded preceding and current row' -%}
with

moments as (
    select
        *,
        entry_message_id is not null as is_entry
    from {{ ref('int_core__session_moments') }}
),

entries as (
    select * from {{ ref('int_core__person_touches') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

moments_with_past as (
    select
        *,
        max(ended_at) over ({{ stream }} {{ in_order }} rows between unbounded preceding and 1 preceding) as active_until
    from moments
),

gaps_marked as (
    select
        *,
        case
            when started_at <= {{ session_alive_until('active_until') }} then 0
            else 1
        end as is_after_gap
    from moments_with_past
),

stretches_numbered as (
    -- a stretch of activity without a gap
    select
        *,
        sum(is_after_gap) over ({{ stream }} {{ in_order }} {{ so_far }}) as stretch_number
    from gaps_marked
),

entries_compared as (
    select
        *,
        case when is_entry then coalesce(lag(entry_source) over (
            partition by person_id, device_key, stretch_number, is_entry
            order by started_at
        ), '') end as previous_source
    from stretches_numbered
),

starts_marked as (
    select
        *,
        case when is_after_gap = 1 or previous_source <> entry_source then 1 else 0 end as is_start
    from entries_compared
),

sessions_numbered as (
    select
        *,
        sum(is_start) over ({{ stream }} {{ in_order }} {{ so_far }}) as session_number
    from starts_marked
),

accounts_counted as (
    select
        person_id,
        device_key,
        session_number,
        group_id,
        max(case when is_start = 1 then entry_message_id end) as entry_message_id,
        sum(count_events) as count_events,
        sum(count_pages) as count_pages,
        max(case when is_signed_in then 1 else 0 end) as is_signed_in,
        min(started_at) as started_at,
        max(ended_at) as ended_at
    from sessions_numbered
    group by person_id, device_key, session_number, group_id
),

accounts_ranked as (
    select
        *,
        row_number() over (
            partition by person_id, device_key, session_number
            order by case when group_id is null then 1 else 0 end, count_events desc, group_id
        ) as account_rank
    from accounts_counted
),

sessions as (
    select
        person_id,
        device_key,
        max(case when account_rank = 1 then group_id end) as group_id,
        max(entry_message_id) as entry_message_id,
        max(is_signed_in) = 1 as is_signed_in,
        cast(sum(count_events) as bigint) as count_events,
        cast(sum(count_pages) as bigint) as count_pages,
        min(started_at) as started_at,
        max(ended_at) as ended_at
    from accounts_ranked
    group by person_id, device_key, session_number
),

final as (
    select
        {{ hash_id('ses_', 'sessions.person_id', 'sessions.device_key', 'sessions.started_at') }} as session_id,
        sessions.person_id,
        coalesce(sessions.group_id, primary_accounts.account_id) as account_id,
        nullif(sessions.device_key, '') as device_id,

        coalesce(entries.channel, 'direct') as channel,
        entries.source,
        entries.medium,
        entries.campaign,
        entries.term,
        entries.content,
        entries.referrer_host,
        entries.landing_url,
        sessions.is_signed_in,
        sessions.count_events = 1 as is_bounce,
        {{ session_alive_until('sessions.ended_at') }} >= as_of.as_of_at as is_open,

        sessions.count_events,
        sessions.count_pages,
        cast({{ seconds_between('sessions.started_at', 'sessions.ended_at') }} as bigint) as duration_seconds,

        sessions.started_at,
        sessions.ended_at
    from sessions
    cross join as_of
    left join entries on sessions.entry_message_id = entries.message_id
    left join primary_accounts on sessions.person_id = primary_accounts.person_id
)

select * from final
