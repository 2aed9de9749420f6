with

person_days as (
    select * from {{ ref('fct_person_days') }}
),

people as (
    select * from {{ ref('dim_people') }}
    where signed_up_at is not null
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

quota_usage as (
    select * from {{ ref('fct_quota_usage') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

active_months as (
    -- users at work: what they did before sign-up was a visitor's doing
    select
        person_days.person_id,
        people.primary_account_id as account_id,
        {{ month_start('person_days.activity_date') }} as activity_month
    from person_days
    inner join people on person_days.person_id = people.person_id
    cross join as_of
    where
        person_days.activity_date >= cast(people.signed_up_at as date)
        and person_days.activity_date <= as_of.as_of_date
    group by 1, 2, 3
),

free_months as (
    -- an account is free in a month at whose end it pays nothing
    select
        active_months.person_id,
        active_months.account_id,
        active_months.activity_month
    from active_months
    left join mrr_months
        on
            active_months.account_id = mrr_months.account_id
            and active_months.activity_month = mrr_months.month
    where coalesce(mrr_months.closing_mrr, 0) <= 0
),

first_hits as (
    select
        person_id,
        {{ month_start('min(activity_date)') }} as hit_month
    from person_days
    where event_name in ('{{ var("limit_events") | join("', '") }}')
    group by person_id
),

first_near_limits as (
    -- the quota is the workspace's: everybody in it feels it
    select
        account_id,
        {{ month_start('min(usage_date)') }} as near_month
    from quota_usage
    where quota_share >= {{ var('near_limit_share') }}
    group by account_id
),

people_by_month as (
    select
        free_months.activity_month,
        free_months.person_id,
        free_months.account_id,
        coalesce(first_hits.hit_month <= free_months.activity_month, false) as has_hit,
        coalesce(first_near_limits.near_month <= free_months.activity_month, false) as has_been_near
    from free_months
    left join first_hits on free_months.person_id = first_hits.person_id
    left join first_near_limits on free_months.account_id = first_near_limits.account_id
),

entities_by_month as (
    select
        'person' as entity_type,
        activity_month,
        person_id as entity_id,
        has_hit,
        has_been_near
    from people_by_month
    union all
    select
        'account' as entity_type,
        activity_month,
        account_id as entity_id,
        max(case when has_hit then 1 else 0 end) = 1 as has_hit,
        max(case when has_been_near then 1 else 0 end) = 1 as has_been_near
    from people_by_month
    where account_id is not null
    group by activity_month, account_id
),

counts as (
    select
        entity_type,
        activity_month,
        count(*) as active_free,
        count(*) filter (where has_hit) as hit_limit,
        count(*) filter (where has_been_near) as near_limit,
        count(*) filter (where has_hit or has_been_near) as felt_limit
    from entities_by_month
    group by entity_type, activity_month
),

final as (
    select
        counts.entity_type,
        counts.activity_month,
        counts.active_free,
        counts.hit_limit,
        counts.near_limit,
        counts.felt_limit,
        counts.hit_limit / cast(counts.active_free as double) as hit_limit_share,
        counts.near_limit / cast(counts.active_free as double) as near_limit_share,
        counts.felt_limit / cast(counts.active_free as double) as felt_limit_share,
        {{ month_start(add_days('counts.activity_month', 31)) }} <= as_of.as_of_date as is_mature
    from counts
    cross join as_of
)

select * from final
