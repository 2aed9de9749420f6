with

account_profiles as (
    select * from {{ ref('int_identity__account_profiles') }}
),

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

accounts_joined as (
    select
        account_id,
        min(first_seen_at) as first_seen_at
    from account_people
    group by account_id
),

final as (
    -- a domain is an account from its first person on
    select
        account_profiles.account_id,
        account_profiles.account_name,
        account_profiles.domain,
        account_profiles.industry,
        account_profiles.employees,
        account_profiles.plan,
        accounts_joined.first_seen_at
    from account_profiles
    left join accounts_joined on account_profiles.account_id = accounts_joined.account_id
    where
        accounts_joined.account_id is not null
        or account_profiles.is_in_billing
)

select * from final
