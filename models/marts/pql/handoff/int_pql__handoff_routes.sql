with

crossings as (
    select * from {{ ref('int_pql__handoff_crossings') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

regions as (
    select * from {{ ref('sales_regions') }}
),

territories as (
    select * from {{ ref('handoff_territories') }}
),

accounts_by_tier as (
    select distinct
        account_id,
        tier
    from crossings
),

accounts_placed as (
    select
        accounts_by_tier.account_id,
        accounts_by_tier.tier,
        accounts.country,
        regions.region,
        accounts.segment,
        accounts.industry
    from accounts_by_tier
    inner join accounts on accounts_by_tier.account_id = accounts.account_id
    left join regions on accounts.country = regions.country
),

final as (
    select
        accounts_placed.account_id,
        accounts_placed.tier,
        territories.territory,
        territories.team
    from accounts_placed
    inner join territories
        on
            (territories.region is null or accounts_placed.region = territories.region)
            and (territories.country is null or accounts_placed.country = territories.country)
            and (territories.segment is null or accounts_placed.segment = territories.segment)
            and (territories.industry is null or accounts_placed.industry = territories.industry)
            and (territories.tier is null or accounts_placed.tier = territories.tier)
    qualify
        row_number() over (
            partition by accounts_placed.account_id, accounts_placed.tier
            order by territories.priority
        ) = 1
)

select * from final
