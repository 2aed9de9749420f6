with

feature_events as (
    select * from {{ ref('feature_events') }}
),

int_retention__entities as (
    select * from {{ ref('int_retention__entities') }}
),

fct_person_days as (
    select * from {{ ref('fct_person_days') }}
),

fct_account_days as (
    select * from {{ ref('fct_account_days') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

event_days as (
    select
        'person' as entity_type,
        person_id as entity_id,
        activity_date,
        event_name,
        count_events
    from fct_person_days
    union all
    select
        'account' as entity_type,
        account_id as entity_id,
        activity_date,
        event_name,
        count_events
    from fct_account_days
),

feature_days as (
    select
        event_days.entity_type,
        event_days.entity_id,
        int_retention__entities.signup_date,
        feature_events.feature_key,
        event_days.activity_date,
        sum(event_days.count_events) as count_events
    from event_days
    inner join feature_events
        on event_days.event_name = feature_events.event_name
    inner join int_retention__entities
        on
            event_days.entity_type = int_retention__entities.entity_type
            and event_days.entity_id = int_retention__entities.entity_id
            and event_days.activity_date >= int_retention__entities.signup_date
    cross join dim_as_of
    where event_days.activity_date <= dim_as_of.as_of_date
    group by
        event_days.entity_type,
        event_days.entity_id,
        int_retention__entities.signup_date,
        feature_events.feature_key,
        event_days.activity_date
),

months as (
    select
        entity_type,
        entity_id,
        signup_date,
        feature_key,
        {{ month_start('activity_date') }} as month,
        sum(count_events) as count_events,
        count(*) as count_days,
        min(activity_date) as first_date_in_month
    from feature_days
    group by 1, 2, 3, 4, 5
),

final as (
    select
        entity_type,
        entity_id,
        signup_date,
        feature_key,
        month,
        count_events,
        count_days,
        min(first_date_in_month) over (partition by entity_type, entity_id, feature_key) as first_used_date,
        count(*) over (partition by entity_type, entity_id, month) as count_features_in_month
    from months
)

select * from final
