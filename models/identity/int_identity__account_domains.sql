with

memberships as (
    select * from {{ ref('int_identity__account_memberships') }}
),

person_traits as (
    select * from {{ ref('int_identity__person_traits') }}
    where is_business_email
),

members_by_domain as (
    select
        memberships.account_id,
        person_traits.email_domain as domain,
        count(*) as count_people,
        min(memberships.first_seen_at) as first_seen_at
    from memberships
    inner join person_traits on memberships.person_id = person_traits.person_id
    group by memberships.account_id, person_traits.email_domain
),

members as (
    select
        account_id,
        count(*) as count_people
    from memberships
    group by account_id
),

final as (
    -- a guest or two among people on free mail do not lend the account their domain
    select
        members_by_domain.account_id,
        members_by_domain.domain,
        members_by_domain.count_people,
        members_by_domain.first_seen_at,
        row_number() over (
            partition by members_by_domain.account_id
            order by members_by_domain.count_people desc, members_by_domain.first_seen_at asc, members_by_domain.domain asc
        ) = 1
        and members_by_domain.count_people >= {{ var('main_domain_share') }} * members.count_people as is_main
    from members_by_domain
    inner join members on members_by_domain.account_id = members.account_id
)

select * from final
