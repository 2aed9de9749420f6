with

transitions as (
    select * from {{ ref('int_pql__transitions') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

final as (
    select
        transitions.model_key,
        transitions.account_id,
        transitions.score_date,
        transitions.from_tier,
        transitions.to_tier,
        transitions.points,
        transitions.score_10,
        transitions.previous_points,
        transitions.top_signals,
        transitions.reason,
        transitions.transitioned_at
    from transitions
    inner join accounts on transitions.account_id = accounts.account_id
    where transitions.level = 'account'
)

select * from final
