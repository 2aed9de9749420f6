with

fct_lifecycle_weeks as (
    select * from {{ ref('fct_lifecycle_weeks') }}
),

weeks as (
    select
        entity_type,
        week,
        count(case when state = 'new' then 1 end) as count_new,
        count(case when state = 'retained' then 1 end) as count_retained,
        count(case when state = 'resurrected' then 1 end) as count_resurrected,
        count(case when state = 'dormant' then 1 end) as count_dormant,
        count(case when state = 'dormant' and weeks_since_active = 1 then 1 end) as count_newly_dormant
    from fct_lifecycle_weeks
    group by entity_type, week
),

-- a week's row is there from the first anybody was active: everybody has a row for each since
weeks_with_maturity as (
    select distinct
        week,
        is_complete as is_mature
    from fct_lifecycle_weeks
),

final as (
    select
        weeks.entity_type,
        weeks.week,

        weeks.count_new,
        weeks.count_retained,
        weeks.count_resurrected,
        weeks.count_dormant,
        weeks.count_newly_dormant,
        weeks.count_new + weeks.count_retained + weeks.count_resurrected as count_active,
        weeks.count_retained + weeks.count_newly_dormant as count_active_before,

        weeks.count_new + weeks.count_resurrected as count_gained,
        case
            when weeks_with_maturity.is_mature
                then (weeks.count_new + weeks.count_resurrected) / nullif(weeks.count_newly_dormant, 0)
        end as quick_ratio,
        case
            when weeks_with_maturity.is_mature
                then weeks.count_retained / nullif(weeks.count_retained + weeks.count_newly_dormant, 0)
        end as retained_rate,

        weeks_with_maturity.is_mature
    from weeks
    inner join weeks_with_maturity
        on weeks.week = weeks_with_maturity.week
)

select * from final
