-- Every row of the big fact is bound to a person exactly as often as it counts.
with

bound as (
    select
        user_id,
        anonymous_id,
        sum(count_events) as count_events
    from {{ ref('int_identity__event_days_bound') }}
    where person_id is not null
    group by user_id, anonymous_id
),

staged as (
    select
        user_id,
        anonymous_id,
        sum(count_events) as count_events
    from {{ ref('stg_events__event_days') }}
    group by user_id, anonymous_id
)

select
    staged.user_id,
    staged.anonymous_id,
    staged.count_events,
    bound.count_events as count_bound
from staged
left join bound
    on
        staged.user_id is not distinct from bound.user_id
        and staged.anonymous_id is not distinct from bound.anonymous_id
where bound.count_events is distinct from staged.count_events
