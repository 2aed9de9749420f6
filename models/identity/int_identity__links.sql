with

id_pairs as (
    select * from {{ ref('int_identity__id_pairs') }}
),

ids as (
    select * from {{ ref('int_identity__ids') }}
),

aliases as (
    select * from {{ ref('stg_events__aliases') }}
),

identifies as (
    select * from {{ ref('stg_events__identifies') }}
),

denied_ids as (
    select * from {{ ref('denied_ids') }}
),

denied_emails as (
    select distinct id_value
    from denied_ids
    where id_type in ('any', 'email')
),

links_seen as (
    select
        'anonymous_id' as id_type,
        anonymous_id as id_value,
        user_id,
        'seen_together' as evidence,
        count_calls,
        first_seen_at,
        last_seen_at,
        known_date
    from id_pairs
    where user_id is not null and anonymous_id is not null
    union all
    select
        previous_ids.id_type,
        aliases.previous_id as id_value,
        aliases.user_id,
        'alias' as evidence,
        aliases.count_calls,
        aliases.first_aliased_at as first_seen_at,
        aliases.last_aliased_at as last_seen_at,
        aliases.received_date as known_date
    from aliases
    inner join ids as previous_ids
        on
            aliases.previous_id = previous_ids.id_value
            and previous_ids.id_type = 'user_id'
    where aliases.previous_id <> aliases.user_id
    union all
    select
        'anonymous_id' as id_type,
        aliases.previous_id as id_value,
        aliases.user_id,
        'alias' as evidence,
        aliases.count_calls,
        aliases.first_aliased_at as first_seen_at,
        aliases.last_aliased_at as last_seen_at,
        aliases.received_date as known_date
    from aliases
    left join ids as user_ids
        on
            aliases.previous_id = user_ids.id_value
            and user_ids.id_type = 'user_id'
    where user_ids.id_value is null
    union all
    select
        'email' as id_type,
        identifies.email as id_value,
        identifies.user_id,
        case
            when identifies.is_email_verified then 'verified_email' else 'unverified_email'
        end as evidence,
        identifies.count_calls,
        identifies.first_identified_at as first_seen_at,
        identifies.last_identified_at as last_seen_at,
        identifies.received_date as known_date
    from identifies
    left join denied_emails on identifies.email = denied_emails.id_value
    where
        identifies.user_id is not null
        and identifies.email is not null
        and denied_emails.id_value is null
),

final as (
    select
        id_type,
        id_value,
        user_id,
        evidence,
        case when id_type = 'email' then {{ email_compare_key('id_value') }} else id_value end as compare_key,
        cast(sum(count_calls) as bigint) as count_calls,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(known_date) as known_date
    from links_seen
    group by id_type, id_value, user_id, evidence
)

select * from final
