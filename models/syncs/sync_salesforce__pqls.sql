with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_pqls as (
    select * from {{ ref('fct_current_scores') }}
),

final as (
    -- a paying account has no current score, so it is not here
    select
        concat(account_pqls.model_key, '|', account_pqls.account_id) as record_key,
        account_pqls.account_id,
        substr(
            concat(
                coalesce(accounts.account_name, accounts.domain, accounts.account_id), ' (', account_pqls.model_key, ')'
            ), 1, 80
        ) as name,
        account_pqls.points,
        account_pqls.score_10,
        account_pqls.tier,
        substr(account_pqls.reason, 1, 255) as reason,
        account_pqls.triggered_at,
        'open' as status
    from account_pqls
    inner join accounts on account_pqls.account_id = accounts.account_id
    where
        account_pqls.model_status = 'live'
        and account_pqls.tier <> 'none'
)

select * from final
