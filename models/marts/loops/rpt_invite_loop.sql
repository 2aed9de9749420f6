with

people as (
    select * from {{ ref('dim_people') }}
),

invites as (
    select * from {{ ref('fct_invites') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

users as (
    select
        people.person_id,
        people.signed_up_at,
        {{ week_start('people.signed_up_at') }} as signup_week,
        {{ month_start('people.signed_up_at') }} as signup_month
    from people
    cross join as_of
    where people.signed_up_at <= as_of.as_of_at
),

invites_of_cohort as (
    select
        invites.*,
        users.signup_week,
        users.signup_month
    from invites
    inner join users
        on
            invites.inviter_person_id = users.person_id
            and invites.sent_at >= users.signed_up_at
            and invites.sent_at < {{ add_hours('users.signed_up_at', 24 * var('invite_sending_days')) }}
),

users_by_cohort as (
    {% for grain in ['week', 'month'] %}
    select
        '{{ grain }}' as grain,
        signup_{{ grain }} as cohort_date,
        count(*) as users,
        -- everybody has had the days to send, and the last invitation its days to be taken up
        max({{ add_hours('signed_up_at', 24 * (var('invite_sending_days') + var('invite_window_days'))) }}) as closes_at
    from users
    group by signup_{{ grain }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

invites_by_cohort as (
    {% for grain in ['week', 'month'] %}
    select
        '{{ grain }}' as grain,
        signup_{{ grain }} as cohort_date,
        count(distinct inviter_person_id) as inviters,
        count(*) as invites_sent,
        count(*) filter (where is_accepted) as invites_accepted,
        count(*) filter (where is_converted) as invites_converted,
        count(*) filter (where is_converted_and_activated) as invites_activated,
        {{ percentile('case when is_converted then hours_to_accept end', 0.5) }} as median_hours_to_accept,
        count(cycle_hours) as invites_with_cycle,
        {{ percentile('cycle_hours', 0.5) }} as median_cycle_hours
    from invites_of_cohort
    group by signup_{{ grain }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

cohorts as (
    select
        users_by_cohort.grain,
        users_by_cohort.cohort_date,
        users_by_cohort.users,
        users_by_cohort.closes_at,
        coalesce(invites_by_cohort.inviters, 0) as inviters,
        coalesce(invites_by_cohort.invites_sent, 0) as invites_sent,
        coalesce(invites_by_cohort.invites_accepted, 0) as invites_accepted,
        coalesce(invites_by_cohort.invites_converted, 0) as invites_converted,
        coalesce(invites_by_cohort.invites_activated, 0) as invites_activated,
        coalesce(invites_by_cohort.invites_with_cycle, 0) as invites_with_cycle,
        invites_by_cohort.median_hours_to_accept,
        invites_by_cohort.median_cycle_hours
    from users_by_cohort
    left join invites_by_cohort
        on
            users_by_cohort.grain = invites_by_cohort.grain
            and users_by_cohort.cohort_date = invites_by_cohort.cohort_date
),

final as (
    select
        cohorts.grain,
        cohorts.cohort_date,

        cohorts.users,
        cohorts.inviters,
        cohorts.invites_sent,
        cohorts.invites_accepted,
        cohorts.invites_converted,
        cohorts.invites_activated,
        cohorts.invites_with_cycle,

        cohorts.invites_sent / cast(cohorts.users as double) as invites_per_user,
        cohorts.invites_converted / nullif(cast(cohorts.invites_sent as double), 0) as invite_conversion,
        cohorts.invites_activated / nullif(cast(cohorts.invites_converted as double), 0) as activation_rate,
        -- invitations a user sends times what becomes of them
        cohorts.invites_converted / cast(cohorts.users as double) as k_factor,
        cast({{ var('k_factor_target') }} as double) as k_factor_target,
        cohorts.invites_converted / cast(cohorts.users as double) >= {{ var('k_factor_target') }} as is_on_target,
        cohorts.median_hours_to_accept,
        cohorts.median_cycle_hours,
        -- a period that goes on may still gain users
        cohorts.closes_at <= as_of.as_of_at
        and case cohorts.grain
            when 'week' then {{ add_days('cohorts.cohort_date', 7) }}
            else {{ month_start(add_days('cohorts.cohort_date', 31)) }}
        end <= as_of.as_of_date as is_mature
    from cohorts
    cross join as_of
)

select * from final
