with

int_retention__feature_months as (
    select * from {{ ref('int_retention__feature_months') }}
),

int_retention__active_days as (
    select * from {{ ref('int_retention__active_days') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

active_months as (
    select
        entity_type,
        {{ month_start('activity_date') }} as month,
        count(distinct entity_id) as count_active
    from int_retention__active_days
    group by 1, 2
),

features as (
    select distinct
        entity_type,
        feature_key
    from int_retention__feature_months
),

uses as (
    select
        entity_type,
        feature_key,
        month,
        count(*) as count_users,
        count(case when {{ month_start('first_used_date') }} = month then 1 end) as count_first_users,
        sum(count_events) as count_events,
        sum(count_days) as total_days_used,
        sum(count_features_in_month) as total_features_used
    from int_retention__feature_months
    group by entity_type, feature_key, month
),

-- a month in which nobody used it is there with 0
final as (
    select
        active_months.entity_type,
        features.feature_key,
        active_months.month,

        active_months.count_active,
        coalesce(uses.count_users, 0) as count_users,
        coalesce(uses.count_users, 0) / active_months.count_active as adoption_rate,
        coalesce(uses.count_first_users, 0) as count_first_users,

        cast(coalesce(uses.count_events, 0) as bigint) as count_events,
        uses.count_events / uses.count_users as events_per_user,
        cast(coalesce(uses.total_days_used, 0) as bigint) as total_days_used,
        uses.total_days_used / uses.count_users as days_per_user,
        cast(coalesce(uses.total_features_used, 0) as bigint) as total_features_used,
        uses.total_features_used / uses.count_users as features_per_user,

        active_months.month < {{ month_start('dim_as_of.as_of_date') }} as is_mature
    from active_months
    cross join dim_as_of
    inner join features
        on active_months.entity_type = features.entity_type
    left join uses
        on
            active_months.entity_type = uses.entity_type
            and active_months.month = uses.month
            and features.feature_key = uses.feature_key
)

select * from final
