-- What sales sees is what the score says, on every live model and account.
with

current_scores as (
    select * from {{ ref('fct_current_scores') }}
),

pqls as (
    select * from {{ ref('sync_salesforce__pqls') }}
),

expected as (
    select
        concat(model_key, '|', account_id) as record_key,
        points,
        tier
    from current_scores
    where
        model_status = 'live'
        and tier <> 'none'
)

select
    coalesce(expected.record_key, pqls.record_key) as record_key,
    expected.points as expected_points,
    pqls.points as synced_points
from expected
full outer join pqls on expected.record_key = pqls.record_key
where
    expected.record_key is null
    or pqls.record_key is null
    or expected.points <> pqls.points
    or expected.tier <> pqls.tier
