-- events of features are conserved from the facts, buckets and breadths add up to everyone
with

expected_events as (
    select sum(fct_person_days.count_events) as count_events
    from {{ ref('fct_person_days') }} as fct_person_days
    inner join {{ ref('feature_events') }} as feature_events
        on fct_person_days.event_name = feature_events.event_name
    inner join {{ ref('dim_people') }} as dim_people
        on fct_person_days.person_id = dim_people.person_id
    cross join {{ ref('dim_as_of') }} as dim_as_of
    where
        fct_person_days.activity_date >= cast(dim_people.signed_up_at as date)
        and fct_person_days.activity_date <= dim_as_of.as_of_date
),

found_events as (
    select sum(count_events) as count_events
    from {{ ref('rpt_feature_adoption') }}
    where entity_type = 'person'
),

breadths as (
    select
        entity_type,
        month,
        sum(count_entities) as count_entities,
        sum(count_features * count_entities) as total_features
    from {{ ref('rpt_feature_breadth') }}
    group by entity_type, month
),

adoptions as (
    select
        entity_type,
        month,
        max(count_active) as count_active,
        sum(count_users) as count_users
    from {{ ref('rpt_feature_adoption') }}
    group by entity_type, month
)

select 'events of features are lost or doubled' as problem
from expected_events
cross join found_events
where coalesce(expected_events.count_events, 0) != coalesce(found_events.count_events, 0)
union all
select 'buckets of ' || feature_key || ' do not add up' as problem
from {{ ref('rpt_feature_first_use') }}
group by entity_type, feature_key
having sum(count_entities) != max(count_signups) or min(count_entities) < 0
union all
select 'breadths of ' || cast(breadths.month as varchar) || ' do not add up' as problem
from breadths
inner join adoptions
    on
        breadths.entity_type = adoptions.entity_type
        and breadths.month = adoptions.month
where
    breadths.count_entities != adoptions.count_active
    or breadths.total_features != adoptions.count_users
union all
select 'users of ' || feature_key || ' outside those active' as problem
from {{ ref('rpt_feature_adoption') }}
where count_users > count_active or count_first_users > count_users
