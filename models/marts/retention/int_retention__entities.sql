with

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

-- the person seen first stands for how an account was found
founders as (
    select
        account_id,
        first_channel
    from (
        select
            primary_account_id as account_id,
            first_channel,
            row_number() over (
                partition by primary_account_id order by first_seen_at, person_id
            ) as place
        from dim_people
        where primary_account_id is not null
    ) as people_in_order
    where place = 1
),

signups as (
    select
        'person' as entity_type,
        dim_people.person_id as entity_id,
        cast(dim_people.signed_up_at as date) as signup_date,
        dim_accounts.segment,
        dim_people.first_channel,
        dim_accounts.plan
    from dim_people
    left join dim_accounts
        on dim_people.primary_account_id = dim_accounts.account_id
    where dim_people.signed_up_at is not null
    union all
    select
        'account' as entity_type,
        dim_accounts.account_id as entity_id,
        cast(dim_accounts.signed_up_at as date) as signup_date,
        dim_accounts.segment,
        founders.first_channel,
        dim_accounts.plan
    from dim_accounts
    left join founders
        on dim_accounts.account_id = founders.account_id
    where dim_accounts.signed_up_at is not null
),

final as (
    select
        signups.entity_type,
        signups.entity_id,
        signups.signup_date,
        coalesce(signups.segment, 'unknown') as segment,
        coalesce(signups.first_channel, 'unknown') as first_channel,
        coalesce(signups.plan, 'none') as plan
    from signups
    cross join dim_as_of
    where signups.signup_date <= dim_as_of.as_of_date
)

select * from final
