with

devices as (
    select * from {{ ref('int_identity__devices') }}
    where is_shared
),

kept_links as (
    select distinct
        id_value as anonymous_id,
        user_id
    from {{ ref('fct_identity_links') }}
    where id_type = 'anonymous_id' and is_kept
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

event_days as (
    select * from {{ ref('stg_events__event_days') }}
),

identifies as (
    select * from {{ ref('stg_events__identifies') }}
),

groups as (
    select * from {{ ref('stg_events__groups') }}
),

aliases as (
    select * from {{ ref('stg_events__aliases') }}
),

sightings as (
    select
        event_days.anonymous_id,
        event_days.user_id,
        {{ unnest_times('event_days.event_times') }} as seen_at
    from event_days
    inner join devices on event_days.anonymous_id = devices.anonymous_id
    where event_days.user_id is not null
    union all
    select
        identifies.anonymous_id,
        identifies.user_id,
        {{ unnest_times('identifies.identify_times') }} as seen_at
    from identifies
    inner join devices on identifies.anonymous_id = devices.anonymous_id
    where identifies.user_id is not null
    union all
    select
        groups.anonymous_id,
        groups.user_id,
        {{ unnest_times('groups.group_times') }} as seen_at
    from groups
    inner join devices on groups.anonymous_id = devices.anonymous_id
    where groups.user_id is not null
    union all
    select
        aliases.anonymous_id,
        aliases.user_id,
        {{ unnest_times('aliases.alias_times') }} as seen_at
    from aliases
    inner join devices on aliases.anonymous_id = devices.anonymous_id
    union all
    select
        aliases.previous_id as anonymous_id,
        aliases.user_id,
        {{ unnest_times('aliases.alias_times') }} as seen_at
    from aliases
    inner join devices on aliases.previous_id = devices.anonymous_id
),

moments as (
    -- two users at the same moment: the smaller id, so that every build says the same
    select
        sightings.anonymous_id,
        sightings.seen_at,
        min_by(user_people.person_id, sightings.user_id) as person_id
    from sightings
    inner join kept_links
        on
            sightings.anonymous_id = kept_links.anonymous_id
            and sightings.user_id = kept_links.user_id
    inner join user_people on sightings.user_id = user_people.user_id
    group by sightings.anonymous_id, sightings.seen_at
),

moments_with_previous as (
    select
        *,
        lag(person_id) over (partition by anonymous_id order by seen_at) as previous_person_id
    from moments
),

changes as (
    select
        anonymous_id,
        person_id,
        case
            when previous_person_id is null then {{ beginning_of_time() }}
            else seen_at
        end as valid_from
    from moments_with_previous
    where previous_person_id is null or previous_person_id <> person_id
),

final as (
    select
        anonymous_id,
        person_id,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by anonymous_id order by valid_from),
            {{ end_of_time() }}
        ) as valid_to
    from changes
)

select * from final
