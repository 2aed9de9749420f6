with

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

people as (
    select * from {{ ref('dim_people') }}
    where signed_up_at is not null
),

paid_items as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

members_joining as (
    select
        account_people.account_id,
        cast(
            case
                when account_people.first_seen_at > people.signed_up_at then account_people.first_seen_at
                else people.signed_up_at
            end as date
        ) as team_date,
        count(*) as members_joined
    from account_people
    inner join people on account_people.person_id = people.person_id
    group by 1, 2
),

seats_changing as (
    select
        account_id,
        from_date as team_date,
        quantity as seats_added
    from paid_items
    union all
    select
        account_id,
        to_date as team_date,
        -quantity as seats_added
    from paid_items
    where to_date is not null
),

changes as (
    select
        account_id,
        team_date,
        members_joined,
        0 as seats_added
    from members_joining
    union all
    select
        account_id,
        team_date,
        0 as members_joined,
        coalesce(seats_added, 0) as seats_added
    from seats_changing
),

changes_by_day as (
    select
        changes.account_id,
        changes.team_date,
        cast(sum(changes.members_joined) as bigint) as members_joined,
        cast(sum(changes.seats_added) as bigint) as seats_added
    from changes
    cross join as_of
    where changes.team_date <= as_of.as_of_date
    group by changes.account_id, changes.team_date
),

days as (
    select
        account_id,
        team_date,
        members_joined,
        cast(sum(members_joined) over (partition by account_id order by team_date) as bigint) as members,
        cast(sum(seats_added) over (partition by account_id order by team_date) as bigint) as seats,
        lead(team_date) over (partition by account_id order by team_date) as next_team_date
    from changes_by_day
),

final as (
    select
        account_id,
        team_date,
        coalesce(next_team_date, {{ add_days('as_of.as_of_date', 1) }}) as valid_to_date,
        next_team_date is null as is_latest,
        members_joined,
        members,
        -- who pays for no seats has no limit of them
        nullif(seats, 0) as seats,
        members / nullif(cast(seats as double), 0) as seat_share,
        coalesce(members > nullif(seats, 0), false) as is_over_seats
    from days
    cross join as_of
)

select * from final
