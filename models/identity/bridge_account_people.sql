with

memberships as (
    select * from {{ ref('int_identity__account_memberships') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

person_traits as (
    select * from {{ ref('int_identity__person_traits') }}
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

identified_people as (
    select
        person_id,
        min(first_seen_at) as first_seen_at
    from user_people
    group by person_id
),

people_with_group as (
    select distinct person_id from memberships
),

people_by_domain as (
    -- only those no group call or event speaks of
    select
        domain_accounts.account_id,
        identified_people.person_id,
        identified_people.first_seen_at
    from identified_people
    inner join person_traits on identified_people.person_id = person_traits.person_id
    inner join domain_accounts on person_traits.email_domain = domain_accounts.domain
    left join people_with_group on identified_people.person_id = people_with_group.person_id
    where
        person_traits.is_business_email
        and people_with_group.person_id is null
),

assignments as (
    select
        account_id,
        person_id,
        'group' as method,
        1.0 as confidence,
        count_events,
        first_seen_at
    from memberships
    union all
    select
        account_id,
        person_id,
        'email_domain' as method,
        0.8 as confidence,
        0 as count_events,
        first_seen_at
    from people_by_domain
),

final as (
    select
        account_id,
        person_id,
        method,
        cast(confidence as decimal(4, 3)) as confidence,
        row_number() over (
            partition by person_id
            order by count_events desc, first_seen_at asc, account_id asc
        ) = 1 as is_primary,
        first_seen_at
    from assignments
)

select * from final
