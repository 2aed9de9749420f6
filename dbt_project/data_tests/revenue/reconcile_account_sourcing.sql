-- Every account is sourced once, every account that ever paid was closed by something, and motion
-- is what core says it is.
with

account_sourcing as (
    select * from {{ ref('fct_account_sourcing') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

paid as (
    select
        account_id,
        sum(case when movement_type = 'new' then amount else 0 end) as first_mrr
    from mrr_movements
    group by account_id
)

select
    coalesce(dim_accounts.account_id, account_sourcing.account_id) as account_id,
    dim_accounts.motion,
    account_sourcing.motion as sourcing_motion
from dim_accounts
full outer join account_sourcing
    on dim_accounts.account_id = account_sourcing.account_id
where dim_accounts.motion is distinct from account_sourcing.motion

union all

select
    paid.account_id,
    'paid' as motion,
    account_sourcing.closing_motion as sourcing_motion
from paid
left join account_sourcing
    on paid.account_id = account_sourcing.account_id
where
    account_sourcing.closing_motion is null
    or account_sourcing.plg_path is null
    or account_sourcing.first_mrr is distinct from paid.first_mrr
