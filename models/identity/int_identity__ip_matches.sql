with

ips as (
    select * from {{ ref('stg_events__ips') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

memberships as (
    select * from {{ ref('int_identity__account_memberships') }}
),

office_networks as (
    select * from {{ ref('int_identity__office_networks') }}
),

people_without_group as (
    -- everybody else is known by better evidence: their addresses are not looked at
    select distinct user_people.person_id
    from user_people
    left join memberships on user_people.person_id = memberships.person_id
    where memberships.person_id is null
),

ids_without_group as (
    select
        user_people.user_id,
        cast(null as varchar) as anonymous_id,
        user_people.person_id
    from user_people
    inner join people_without_group on user_people.person_id = people_without_group.person_id
    union all
    select
        cast(null as varchar) as user_id,
        devices.anonymous_id,
        devices.person_id
    from devices
    inner join people_without_group on devices.person_id = people_without_group.person_id
),

calls_of_people as (
    select
        ids_without_group.person_id,
        ips.ip,
        ips.received_date,
        ips.count_calls
    from ips
    inner join ids_without_group on ips.user_id = ids_without_group.user_id
    union all
    select
        ids_without_group.person_id,
        ips.ip,
        ips.received_date,
        ips.count_calls
    from ips
    inner join ids_without_group
        on
            ips.user_id is null
            and ips.anonymous_id = ids_without_group.anonymous_id
),

person_ips as (
    select
        person_id,
        ip,
        count(distinct received_date) as count_days,
        sum(count_calls) as count_calls
    from calls_of_people
    group by person_id, ip
),

usual_ips as (
    select
        person_id,
        ip,
        {{ ipv4_number('ip') }} as ipv4_address,
        {{ ipv6_network_digits('ip') }} as ipv6_digits
    from person_ips
    qualify
        row_number() over (
            partition by person_id
            order by count_days desc, count_calls desc, ip asc
        ) = 1
),

addresses as (
    -- many people share few offices: an address is looked up once
    select distinct
        ip,
        ipv4_address,
        ipv6_digits
    from usual_ips
),

addresses_located as (
    select
        addresses.ip,
        office_networks.account_id
    from addresses
    inner join office_networks
        on
            addresses.ipv4_address >= office_networks.first_address
            and addresses.ipv4_address <= office_networks.last_address
    union
    select
        addresses.ip,
        office_networks.account_id
    from addresses
    inner join office_networks
        on
            office_networks.ip_version = 6
            and addresses.ipv6_digits like office_networks.network_digits || '%'
),

unambiguous_addresses as (
    -- a network of two companies is a co-working space or a provider
    select
        ip,
        min(account_id) as account_id
    from addresses_located
    group by ip
    having count(distinct account_id) = 1
),

final as (
    select
        usual_ips.person_id,
        unambiguous_addresses.account_id,
        usual_ips.ip
    from usual_ips
    inner join unambiguous_addresses on usual_ips.ip = unambiguous_addresses.ip
)

select * from final
