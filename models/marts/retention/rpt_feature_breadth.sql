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
    select distinct
        entity_type,
        entity_id,
        {{ month_start('activity_date') }} as month
    from int_retention__active_days
),

feature_counts as (
    select
        entity_type,
        entity_id,
        month,
        max(count_features_in_month) as count_features
    from int_retention__feature_months
    group by entity_type, entity_id, month
),

breadths as (
    select
        active_months.entity_type,
        active_months.month,
        coalesce(feature_counts.count_features, 0) as count_features,
        count(*) as count_entities
    from active_months
    left join feature_counts
        on
            active_months.entity_type = feature_counts.entity_type
            and active_months.entity_id = feature_counts.entity_id
            and active_months.month = feature_counts.month
    group by 1, 2, 3
),

with_totals as (
    select
        entity_type,
        month,
        count_features,
        count_entities,
        sum(count_entities) over (partition by entity_type, month) as count_active
    from breadths
),

final as (
    select
        with_totals.entity_type,
        with_totals.month,
        cast(with_totals.count_features as integer) as count_features,

        with_totals.count_entities,
        cast(with_totals.count_active as bigint) as count_active,
        with_totals.count_entities / with_totals.count_active as share,

        with_totals.month < {{ month_start('dim_as_of.as_of_date') }} as is_mature
    from with_totals
    cross join dim_as_of
)

select * from final
