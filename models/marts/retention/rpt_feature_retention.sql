with

int_retention__feature_months as (
    select * from {{ ref('int_retention__feature_months') }}
),

int_retention__active_days as (
    select * from {{ ref('int_retention__active_days') }}
),

int_retention__entities as (
    select * from {{ ref('int_retention__entities') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

signups as (
    select
        int_retention__entities.entity_type,
        int_retention__entities.entity_id,
        int_retention__entities.signup_date,
        {{ add_days('int_retention__entities.signup_date', var('feature_retained_to_day') + 1) }}
        <= dim_as_of.as_of_date as is_mature
    from int_retention__entities
    cross join dim_as_of
),

entities_back as (
    select distinct
        entity_type,
        entity_id
    from int_retention__active_days
    where
        {{ days_between('signup_date', 'activity_date') }}
        between {{ var('feature_retained_from_day') }} and {{ var('feature_retained_to_day') }}
),

signups_known as (
    select
        signups.entity_type,
        signups.entity_id,
        entities_back.entity_id is not null as is_retained
    from signups
    left join entities_back
        on
            signups.entity_type = entities_back.entity_type
            and signups.entity_id = entities_back.entity_id
    where signups.is_mature
),

totals as (
    select
        entity_type,
        count(*) as count_signups,
        count(case when is_retained then 1 end) as count_retained
    from signups_known
    group by entity_type
),

immature as (
    select
        entity_type,
        count(*) as count_immature
    from signups
    where not is_mature
    group by entity_type
),

features as (
    select distinct
        entity_type,
        feature_key
    from int_retention__feature_months
),

adopted_early as (
    select distinct
        entity_type,
        entity_id,
        feature_key
    from int_retention__feature_months
    where {{ days_between('signup_date', 'first_used_date') }} <= {{ var('feature_adoption_days') }}
),

users as (
    select
        adopted_early.entity_type,
        adopted_early.feature_key,
        count(*) as count_users,
        count(case when signups_known.is_retained then 1 end) as count_users_retained
    from adopted_early
    inner join signups_known
        on
            adopted_early.entity_type = signups_known.entity_type
            and adopted_early.entity_id = signups_known.entity_id
    group by adopted_early.entity_type, adopted_early.feature_key
),

comparisons as (
    select
        features.entity_type,
        features.feature_key,
        coalesce(users.count_users, 0) as count_users,
        coalesce(users.count_users_retained, 0) as count_users_retained,
        totals.count_signups - coalesce(users.count_users, 0) as count_others,
        totals.count_retained - coalesce(users.count_users_retained, 0) as count_others_retained,
        coalesce(immature.count_immature, 0) as count_immature
    from features
    inner join totals
        on features.entity_type = totals.entity_type
    left join users
        on
            features.entity_type = users.entity_type
            and features.feature_key = users.feature_key
    left join immature
        on features.entity_type = immature.entity_type
),

rates as (
    select
        comparisons.*,
        count_users_retained / nullif(count_users, 0) as retention_rate_users,
        count_others_retained / nullif(count_others, 0) as retention_rate_others
    from comparisons
),

final as (
    select
        entity_type,
        feature_key,

        count_users,
        count_users_retained,
        retention_rate_users,
        count_others,
        count_others_retained,
        retention_rate_others,
        retention_rate_users / nullif(retention_rate_others, 0) as lift,
        retention_rate_users - retention_rate_others as difference,
        count_immature
    from rates
)

select * from final
