with

zone_rules as (
    select * from {{ ref('handoff_zones') }}
),

crossings as (
    select * from {{ ref('int_pql__handoff_crossings') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

people_joined as (
    select * from {{ ref('int_core__account_people_joined') }}
),

person_events as (
    select * from {{ ref('fct_person_events') }}
    where event_name in (select zone_rules.event_name from zone_rules)
),

accounts_handed_off as (
    select distinct account_id
    from crossings
),

accounts_sized as (
    select
        accounts.account_id,
        -- nobody has less than one employee: that is not known
        case when accounts.employees >= 1 then accounts.employees end as employees,
        accounts.domain is not null as has_domain
    from accounts
    inner join accounts_handed_off on accounts.account_id = accounts_handed_off.account_id
),

people_numbered as (
    select
        account_id,
        joined_at,
        row_number() over (partition by account_id order by joined_at, person_id) as number_joined
    from people_joined
),

first_events as (
    -- known when it was received, by the day
    select
        account_id,
        event_name,
        min(greatest(event_at, cast(received_date as timestamp))) as happened_at
    from person_events
    where account_id is not null
    group by account_id, event_name
),

final as (
    select
        accounts_sized.account_id,
        zone_rules.rule_order,
        zone_rules.zone,
        zone_rules.is_routed,
        zone_rules.description,
        greatest(
            coalesce(people_numbered.joined_at, {{ beginning_of_time() }}),
            coalesce(first_events.happened_at, {{ beginning_of_time() }})
        ) as valid_from
    from accounts_sized
    cross join zone_rules
    left join people_numbered
        on
            accounts_sized.account_id = people_numbered.account_id
            and zone_rules.min_people = people_numbered.number_joined
    left join first_events
        on
            accounts_sized.account_id = first_events.account_id
            and zone_rules.event_name = first_events.event_name
    where
        (not coalesce(zone_rules.is_size_unknown, false) or accounts_sized.employees is null)
        and (zone_rules.min_employees is null or accounts_sized.employees >= zone_rules.min_employees)
        and (zone_rules.max_employees is null or accounts_sized.employees <= zone_rules.max_employees)
        and (zone_rules.has_domain is null or zone_rules.has_domain = accounts_sized.has_domain)
        and (zone_rules.min_people is null or people_numbered.account_id is not null)
        and (zone_rules.event_name is null or first_events.account_id is not null)
)

select * from final
