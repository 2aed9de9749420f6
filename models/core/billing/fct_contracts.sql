with

contracts as (
    select * from {{ ref('stg_finance__contracts') }}
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

internal_accounts as (
    select * from {{ ref('int_core__internal_accounts') }}
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

contract_plan as (
    select max(plan_key) as plan_key
    from {{ ref('plans') }}
    where is_contract_plan
),

final as (
    select
        -- keys
        contracts.contract_id,
        -- a contract names its account by id or by domain; an account unknown to the product
        -- keeps the name, so that its money is not lost
        coalesce(domain_accounts.account_id, contracts.account) as account_id,
        contract_plan.plan_key,
        -- attributes
        contracts.currency,
        contracts.billing_frequency,
        contracts.owner,
        contracts.known_in_load,
        -- measures
        contracts.annual_value,
        contracts.seats,
        cast(
            {{ month_of_interval('contracts.annual_value * coalesce(minor_units.minor_units, 100)', '1', '1', '0') }} as bigint
        ) as mrr_cents,
        -- times
        contracts.start_date,
        contracts.end_date,
        contracts.signed_date
    from contracts
    left join domain_accounts
        on lower(contracts.account) = domain_accounts.domain
    left join internal_accounts
        on coalesce(domain_accounts.account_id, contracts.account) = internal_accounts.account_id
    left join minor_units
        on contracts.currency = minor_units.currency
    cross join contract_plan
    where internal_accounts.account_id is null
)

select * from final
