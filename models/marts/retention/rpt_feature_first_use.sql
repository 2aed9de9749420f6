with

int_retention__feature_months as (
    select * from {{ ref('int_retention__feature_months') }}
),

int_retention__entities as (
    select * from {{ ref('int_retention__entities') }}
),

feature_first_use_buckets as (
    select * from {{ ref('feature_first_use_buckets') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

horizon as (
    select max(last_day) as last_day
    from feature_first_use_buckets
),

-- only who had the time for every bucket: of the others nobody knows yet
signups_mature as (
    select
        int_retention__entities.entity_type,
        int_retention__entities.entity_id
    from int_retention__entities
    cross join dim_as_of
    cross join horizon
    where {{ add_days('int_retention__entities.signup_date', 'horizon.last_day + 1') }} <= dim_as_of.as_of_date
),

bases as (
    select
        entity_type,
        count(*) as count_signups
    from signups_mature
    group by entity_type
),

features as (
    select distinct
        entity_type,
        feature_key
    from int_retention__feature_months
),

first_uses as (
    select distinct
        int_retention__feature_months.entity_type,
        int_retention__feature_months.entity_id,
        int_retention__feature_months.feature_key,
        {{ days_between('int_retention__feature_months.signup_date', 'int_retention__feature_months.first_used_date') }}
            as days_since_signup
    from int_retention__feature_months
    inner join signups_mature
        on
            int_retention__feature_months.entity_type = signups_mature.entity_type
            and int_retention__feature_months.entity_id = signups_mature.entity_id
),

buckets as (
    select
        bucket_number,
        bucket,
        first_day,
        last_day
    from feature_first_use_buckets
    union all
    select
        max(bucket_number) + 1 as bucket_number,
        'later' as bucket,
        max(last_day) + 1 as first_day,
        2147483647 as last_day
    from feature_first_use_buckets
    having count(*) > 0
),

never as (
    select max(bucket_number) + 1 as bucket_number
    from buckets
),

found as (
    select
        first_uses.entity_type,
        first_uses.feature_key,
        buckets.bucket_number,
        count(*) as count_entities
    from first_uses
    inner join buckets
        on
            first_uses.days_since_signup >= buckets.first_day
            and first_uses.days_since_signup <= buckets.last_day
    group by first_uses.entity_type, first_uses.feature_key, buckets.bucket_number
),

users as (
    select
        entity_type,
        feature_key,
        count(*) as count_users
    from first_uses
    group by entity_type, feature_key
),

distributions as (
    select
        features.entity_type,
        features.feature_key,
        buckets.bucket_number,
        buckets.bucket,
        coalesce(found.count_entities, 0) as count_entities
    from features
    cross join buckets
    left join found
        on
            features.entity_type = found.entity_type
            and features.feature_key = found.feature_key
            and buckets.bucket_number = found.bucket_number
    union all
    select
        features.entity_type,
        features.feature_key,
        never.bucket_number,
        'never' as bucket,
        bases.count_signups - coalesce(users.count_users, 0) as count_entities
    from features
    cross join never
    inner join bases
        on features.entity_type = bases.entity_type
    left join users
        on
            features.entity_type = users.entity_type
            and features.feature_key = users.feature_key
),

final as (
    select
        distributions.entity_type,
        distributions.feature_key,
        cast(distributions.bucket_number as integer) as bucket_number,
        distributions.bucket,

        cast(distributions.count_entities as bigint) as count_entities,
        bases.count_signups,
        distributions.count_entities / bases.count_signups as share
    from distributions
    inner join bases
        on distributions.entity_type = bases.entity_type
)

select * from final
