with

fct_person_days as (
    select * from {{ ref('fct_person_days') }}
),

fct_account_days as (
    select * from {{ ref('fct_account_days') }}
),

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

signups as (
    select
        'person' as entity_type,
        person_id as entity_id,
        cast(signed_up_at as date) as signup_date
    from dim_people
    where signed_up_at is not null
    union all
    select
        'account' as entity_type,
        account_id as entity_id,
        cast(signed_up_at as date) as signup_date
    from dim_accounts
    where signed_up_at is not null
),

days as (
    select distinct
        'person' as entity_type,
        person_id as entity_id,
        activity_date
    from fct_person_days
    union all
    select distinct
        'account' as entity_type,
        account_id as entity_id,
        activity_date
    from fct_account_days
    where account_id is not null
    union all
    -- signing up is activity, whatever call it came with
    select
        entity_type,
        entity_id,
        signup_date as activity_date
    from signups
),

final as (
    -- what someone did before signing up was a visitor's doing
    select distinct
        signups.entity_type,
        signups.entity_id,
        signups.signup_date,
        days.activity_date
    from signups
    inner join days
        on
            signups.entity_type = days.entity_type
            and signups.entity_id = days.entity_id
            and signups.signup_date <= days.activity_date
    cross join dim_as_of
    where days.activity_date <= dim_as_of.as_of_date
)

select * from final
