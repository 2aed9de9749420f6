with

event_names as (
    select * from {{ ref('stg_events__event_names') }}
),

renames as (
    select * from {{ ref('stg_events__renames') }}
),

names_seen as (
    select
        event_name as sent_name,
        sum(count_calls) as count_calls
    from event_names
    group by event_name
),

names_normalised as (
    select
        sent_name,
        count_calls,
        coalesce({{ clean_text(snake_case('sent_name')) }}, lower(trim(sent_name))) as normal_name
    from names_seen
),

final as (
    select
        names_normalised.sent_name,
        coalesce(renames.event_name, names_normalised.normal_name) as event_name,
        names_normalised.count_calls
    from names_normalised
    left join renames on names_normalised.normal_name = renames.old_event_name
)

select * from final
