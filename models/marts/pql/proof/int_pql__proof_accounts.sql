with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

regions as (
    select * from {{ ref('country_regions') }}
),

first_payments as (
    select
        account_id,
        min(movement_date) as first_paid_date
    from movements
    where movement_type = 'new'
    group by account_id
),

final as (
    select
        accounts.account_id,

        accounts.segment,
        coalesce(regions.region, 'unknown') as region,
        accounts.entry_model,

        cast(accounts.signed_up_at as date) as signed_up_date,
        first_payments.first_paid_date
    from accounts
    left join first_payments on accounts.account_id = first_payments.account_id
    left join regions on upper(accounts.country) = regions.country
    where accounts.signed_up_at is not null
)

select * from final
