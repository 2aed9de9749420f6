with

events as (
    select * from {{ source('raw', 'events') }}
),

bot_agents as (
    select * from {{ ref('stg_events__bot_agents') }}
),

canonical_names as (
    select * from {{ ref('stg_events__canonical_names') }}
),

denied_ids as (
    select * from {{ ref('denied_ids') }}
),

denied_user_ids as (
    select
        id_value,
        max(case when reason = 'deletion_request' then 1 else 0 end) as is_deletion_request
    from denied_ids
    where id_type in ('any', 'user_id')
    group by id_value
),

denied_anonymous_ids as (
    select distinct id_value
    from denied_ids
    where id_type in ('any', 'anonymous_id')
),

denied_group_ids as (
    select distinct id_value
    from denied_ids
    where id_type in ('any', 'group_id')
),

ids_cleaned as (
    select
        events.*,
        case events.call_type
            when 'page' then 'page_viewed'
            when 'screen' then 'screen_viewed'
            when 'track' then canonical_names.event_name
        end as canonical_name,
        bot_agents.user_agent is not null as is_bot,
        coalesce(denied_user_ids.is_deletion_request, 0) = 1 as is_of_deleted_user,
        -- ids keep their case: usr_A and usr_a are two ids to most products
        case
            when denied_user_ids.id_value is null then {{ clean_text('events.user_id') }}
        end as clean_user_id,
        case
            when denied_anonymous_ids.id_value is null
                then {{ clean_text('events.anonymous_id') }}
        end as clean_anonymous_id,
        case
            when denied_previous_users.id_value is null and denied_previous_devices.id_value is null
                then {{ clean_text('events.previous_id') }}
        end as clean_previous_id,
        case
            when denied_group_ids.id_value is null then {{ clean_text('events.group_id') }}
        end as clean_group_id
    from events
    left join canonical_names on events.event_name = canonical_names.sent_name
    left join bot_agents on lower(events.user_agent) = bot_agents.user_agent
    left join denied_user_ids on lower(trim(events.user_id)) = denied_user_ids.id_value
    left join denied_anonymous_ids
        on lower(trim(events.anonymous_id)) = denied_anonymous_ids.id_value
    left join denied_user_ids as denied_previous_users
        on lower(trim(events.previous_id)) = denied_previous_users.id_value
    left join denied_anonymous_ids as denied_previous_devices
        on lower(trim(events.previous_id)) = denied_previous_devices.id_value
    left join denied_group_ids on lower(trim(events.group_id)) = denied_group_ids.id_value
),

final as (
    select
        message_id,
        call_type,
        canonical_name as event_name,

        clean_user_id as user_id,
        clean_anonymous_id as anonymous_id,
        clean_previous_id as previous_id,
        clean_group_id as group_id,

        ip,
        page_url,
        referrer_url,
        utm_source,
        utm_medium,
        utm_campaign,
        utm_term,
        utm_content,
        properties,
        traits,

        -- why the call counts nowhere; NULL when it does
        case
            when is_bot then 'bot'
            -- who asked to be forgotten does not live on as a visitor of the same device
            when is_of_deleted_user then 'deletion_request'
            when clean_user_id is null and clean_anonymous_id is null then 'no_usable_id'
            when call_type = 'group' and clean_group_id is null then 'no_usable_group_id'
            when
                call_type = 'alias'
                and (clean_user_id is null or clean_previous_id is null)
                then 'no_usable_previous_id'
        end as exclusion_reason,

        event_at,
        received_date
    from ids_cleaned
)

select * from final
