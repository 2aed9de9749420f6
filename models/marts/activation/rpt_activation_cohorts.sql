with

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

activations as (
    select
        person_id,
        minutes_since_signup,
        reached_at
    from fct_person_milestones
    where milestone = 'activation'
),

signups as (
    select
        dim_people.person_id,
        {{ week_start('dim_people.signed_up_at') }} as cohort_week,
        coalesce(dim_accounts.segment, 'unknown') as segment,
        activations.minutes_since_signup,
        activations.reached_at < {{ add_hours('dim_people.signed_up_at', 24 * var('activation_window_days')) }}
            as is_activated_in_window
    from dim_people
    cross join dim_as_of
    left join dim_accounts
        on dim_people.primary_account_id = dim_accounts.account_id
    left join activations
        on dim_people.person_id = activations.person_id
    where dim_people.signed_up_at <= dim_as_of.as_of_at
),

signups_by_cut as (
    select
        cohort_week,
        'all' as segment,
        minutes_since_signup,
        is_activated_in_window
    from signups
    union all
    select
        cohort_week,
        segment,
        minutes_since_signup,
        is_activated_in_window
    from signups
),

cohorts as (
    select
        cohort_week,
        segment,
        count(*) as signups,
        count(case when is_activated_in_window then 1 end) as activated_7d,
        count(minutes_since_signup) as activated,
        {{ percentile('minutes_since_signup', 0.5) }} as median_minutes_to_value,
        {{ percentile('minutes_since_signup', 0.75) }} as p75_minutes_to_value,
        {{ percentile('minutes_since_signup', 0.9) }} as p90_minutes_to_value
    from signups_by_cut
    group by cohort_week, segment
),

final as (
    select
        cohorts.cohort_week,
        cohorts.segment,

        cohorts.signups,
        cohorts.activated_7d,
        cohorts.activated,
        cohorts.activated_7d / cohorts.signups as activation_rate,
        cohorts.median_minutes_to_value,
        cohorts.p75_minutes_to_value,
        cohorts.p90_minutes_to_value,

        -- whoever signed up in the week's last second has had the whole window
        {{ add_days('cohorts.cohort_week', 7 + var('activation_window_days')) }} <= dim_as_of.as_of_date as is_mature
    from cohorts
    cross join dim_as_of
)

select * from final
