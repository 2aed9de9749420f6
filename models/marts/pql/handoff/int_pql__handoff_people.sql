with

crm_owners as (
    select * from {{ ref('dim_crm_owners') }}
    where email is not null
),

people as (
    select * from {{ ref('sales_people') }}
),

teams as (
    select * from {{ ref('sales_teams') }}
),

team_members as (
    select * from {{ ref('sales_team_members') }}
),

default_capacities as (
    select max(default_capacity) as default_capacity
    from teams
),

owners as (
    -- a person with a user in two CRMs is asked once
    select *
    from crm_owners
    qualify
        row_number() over (
            partition by email
            order by is_active desc, crm asc, owner_id asc
        ) = 1
),

members as (
    select
        owners.owner_id,
        team_members.team,
        team_members.position,
        team_members.valid_from,
        team_members.valid_to
    from owners
    inner join team_members on owners.email = lower(team_members.owner_email)
    union all
    -- whom the seed does not know is in the team the CRM names, behind the others
    select
        owners.owner_id,
        teams.team,
        1000 as position,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to
    from owners
    inner join teams on lower(owners.team_name) = lower(teams.team)
    left join team_members on owners.email = lower(team_members.owner_email)
    where team_members.owner_email is null
),

final as (
    select
        owners.owner_id,
        members.team,
        members.position,
        owners.email as owner_email,
        cast(coalesce(people.capacity, teams.default_capacity, default_capacities.default_capacity) as integer)
            as capacity,
        coalesce(people.calendar_key, teams.calendar_key) as calendar_key,
        coalesce(people.time_zone, owners.time_zone, teams.time_zone) as time_zone,
        coalesce(people.holiday_region, teams.holiday_region) as holiday_region,
        coalesce(people.manager_email, owners.manager_email, teams.manager_email) as manager_email,
        members.valid_from,
        members.valid_to,
        owners.inactive_since
    from owners
    cross join default_capacities
    left join people on owners.email = lower(people.owner_email)
    left join members on owners.owner_id = members.owner_id
    left join teams on members.team = teams.team
)

select * from final
