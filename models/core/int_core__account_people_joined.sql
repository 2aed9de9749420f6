with

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

memberships_numbered as (
    select
        account_id,
        person_id,
        first_seen_at,
        row_number() over (
            partition by person_id
            order by first_seen_at, account_id
        ) as membership_number
    from account_people
),

final as (
    -- somebody's sign-up is the beginning of the first account only: who joins another one
    -- later joins it when first seen there
    select
        memberships_numbered.account_id,
        memberships_numbered.person_id,
        case
            when
                memberships_numbered.membership_number = 1
                and people.signed_up_at is not null
                then least(people.signed_up_at, memberships_numbered.first_seen_at)
            else memberships_numbered.first_seen_at
        end as joined_at
    from memberships_numbered
    inner join people on memberships_numbered.person_id = people.person_id
)

select * from final
