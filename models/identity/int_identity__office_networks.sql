with

firmographics as (
    select * from {{ ref('stg_firmographics__companies') }}
    where ip_ranges is not null
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

ranges_split as (
    select
        domain,
        {{ split_to_rows('ip_ranges') }} as ip_range
    from firmographics
),

ranges_read as (
    select
        domain,
        split_part(trim(ip_range), '/', 1) as network_address,
        try_cast(split_part(trim(ip_range), '/', 2) as integer) as prefix_length
    from ranges_split
),

networks_numbered as (
    select
        domain,
        prefix_length,
        {{ ipv4_number('network_address') }} as ipv4_address,
        {{ ipv6_network_digits('network_address') }} as ipv6_digits,
        {{ power_of_two('32 - prefix_length') }} as ipv4_size
    from ranges_read
),

offices as (
    -- wider ones are a provider's, not an office's; IPv6 is compared by whole hexadecimal digits
    select
        domain,
        cast(4 as integer) as ip_version,
        ipv4_address - ipv4_address % ipv4_size as first_address,
        ipv4_address - ipv4_address % ipv4_size + ipv4_size - 1 as last_address,
        cast(null as varchar) as network_digits
    from networks_numbered
    where
        ipv4_address is not null
        and prefix_length between {{ var('office_ipv4_prefix') }} and 32
    union all
    select
        domain,
        cast(6 as integer) as ip_version,
        cast(null as bigint) as first_address,
        cast(null as bigint) as last_address,
        substr(ipv6_digits, 1, cast(floor(prefix_length / 4.0) as integer)) as network_digits
    from networks_numbered
    where
        ipv6_digits is not null
        and prefix_length between {{ var('office_ipv6_prefix') }} and 64
        and prefix_length % 4 = 0
),

final as (
    select distinct
        domain_accounts.account_id,
        offices.ip_version,
        offices.first_address,
        offices.last_address,
        offices.network_digits
    from offices
    inner join domain_accounts on offices.domain = domain_accounts.domain
)

select * from final
