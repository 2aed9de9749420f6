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

final as (
    select
        account_id,
        domain,
        count_people,
        first_seen_at,
        row_number() over (
            partition by account_id
            order by count_people desc, first_seen_at asc, domain asc
        ) = 1 as is_main
    from members_by_domain
)

select * from final
