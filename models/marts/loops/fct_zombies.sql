with

person_days as (
    select * from {{ ref('fct_person_days') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

milestones as (
    select * from {{ ref('fct_person_milestones') }}
    where milestone = 'activation'
),

quota_usage as (
    select * from {{ ref('fct_quota_usage') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

activity as (
    select
        person_days.person_id,
        count(distinct case
            when person_days.activity_date > {{ add_days('as_of.as_of_date', -var('zombie_active_days')) }}
                then person_days.activity_date
        end) as active_days,
        max(case
            when person_days.event_name in ('{{ var("limit_events") | join("', '") }}') then 1
            else 0
        end) as has_hit,
        max(person_days.activity_date) as last_active_date
    from person_days
    cross join as_of
    where person_days.activity_date <= as_of.as_of_date
    group by person_days.person_id
),

quotas as (
    select
        account_id,
        max(quota_share) as max_quota_share
    from quota_usage
    group by account_id
),

final as (
    select
        people.person_id,
        people.primary_account_id as account_id,
        activity.active_days,
        quotas.max_quota_share,
        people.signed_up_at,
        milestones.reached_at as activated_at,
        activity.last_active_date
    from people
    inner join milestones on people.person_id = milestones.person_id
    inner join activity on people.person_id = activity.person_id
    left join accounts on people.primary_account_id = accounts.account_id
    left join quotas on people.primary_account_id = quotas.account_id
    where
        activity.active_days > 0
        and activity.has_hit = 0
        and coalesce(quotas.max_quota_share, 0) < {{ var('near_limit_share') }}
        -- who pays has left the free plan behind
        and not coalesce(accounts.is_paying, false)
)

select * from final
