-- Every churn is in fct_churns and in each cut of rpt_churn_reasons, with its amount.
with

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

churns as (
    select * from {{ ref('fct_churns') }}
),

rpt_churn_reasons as (
    select * from {{ ref('rpt_churn_reasons') }}
),

from_movements as (
    select
        {{ month_start('movement_date') }} as month,
        -sum(amount) as churn_mrr,
        count(distinct account_id || ' ' || cast(movement_date as varchar)) as count_movements
    from mrr_movements
    where movement_type = 'churn'
    group by 1
),

from_churns as (
    select
        month,
        sum(churn_mrr) as churn_mrr,
        count(*) as count_movements
    from churns
    group by month
),

from_reasons as (
    select
        month,
        dimension,
        sum(churn_mrr) as churn_mrr,
        sum(count_movements) as count_movements
    from rpt_churn_reasons
    group by 1, 2
)

select
    coalesce(from_movements.month, from_churns.month) as month,
    'fct_churns' as found_in
from from_movements
full outer join from_churns
    on from_movements.month = from_churns.month
where
    from_movements.churn_mrr is distinct from from_churns.churn_mrr
    or from_movements.count_movements is distinct from from_churns.count_movements

union all

select
    coalesce(from_movements.month, from_reasons.month) as month,
    'rpt_churn_reasons' as found_in
from from_movements
full outer join from_reasons
    on from_movements.month = from_reasons.month
where
    from_movements.churn_mrr is distinct from from_reasons.churn_mrr
    or from_movements.count_movements is distinct from from_reasons.count_movements
