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
            (territories.region is null or territories.region = accounts_placed.region)
            and (territories.country is null or territories.country = accounts_placed.country)
            and (territories.segment is null or territories.segment = accounts_placed.segment)
            and (territories.industry is null or territories.industry = accounts_placed.industry)
            and (territories.tier is null or territories.tier = accounts_placed.tier)
    qualify
        row_number() over (
            partition by accounts_placed.account_id, accounts_placed.tier
            order by territories.priority
        ) = 1
)

select * from final
