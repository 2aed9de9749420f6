with

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

account_signups as (
    select
        dim_people.primary_account_id as account_id,
        count(*) as count_people
    from dim_people
    cross join dim_as_of
    where dim_people.signed_up_at <= dim_as_of.as_of_at
    group by dim_people.primary_account_id
),

milestones_in_order as (
    -- what somebody reached elsewhere, before this account was there, is not the account's
    select
        fct_person_milestones.account_id,
        fct_person_milestones.milestone,
        fct_person_milestones.person_id,
        fct_person_milestones.reached_at,
        row_number() over (
            partition by fct_person_milestones.account_id, fct_person_milestones.milestone
            order by fct_person_milestones.reached_at, fct_person_milestones.person_id
        ) as place,
        count(*) over (
            partition by fct_person_milestones.account_id, fct_person_milestones.milestone
        ) as count_people_reached
    from fct_person_milestones
    inner join dim_accounts
        on fct_person_milestones.account_id = dim_accounts.account_id
    where
        dim_accounts.signed_up_at is null
        or fct_person_milestones.reached_at >= dim_accounts.signed_up_at
),

milestones_of_any_user as (
    select
        account_id,
        milestone,
        person_id as first_person_id,
        count_people_reached,
        reached_at
    from milestones_in_order
    where place = 1
),

final as (
    select
        milestones_of_any_user.account_id,
        milestones_of_any_user.milestone,
        milestones_of_any_user.first_person_id,

        {{ seconds_between('dim_accounts.signed_up_at', 'milestones_of_any_user.reached_at') }} / 60.0
            as minutes_since_signup,
        milestones_of_any_user.count_people_reached,
        account_signups.count_people,
        milestones_of_any_user.count_people_reached / account_signups.count_people as share_people_reached,

        dim_accounts.signed_up_at,
        milestones_of_any_user.reached_at
    from milestones_of_any_user
    inner join dim_accounts
        on milestones_of_any_user.account_id = dim_accounts.account_id
    inner join account_signups
        on milestones_of_any_user.account_id = account_signups.account_id
)

select * from final
