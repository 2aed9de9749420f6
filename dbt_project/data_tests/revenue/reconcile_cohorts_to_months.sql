-- The cohorts of a month close together where the month closes, in every cut; no cohort gains or
-- loses an account with time, and none has a hole.
with

rpt_cohorts as (
    select * from {{ ref('rpt_cohorts') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

months_summed as (
    select
        month,
        sum(closing_mrr) as closing_mrr,
        count(case when closing_mrr > 0 then 1 end) as retained_accounts
    from mrr_months
    group by month
),

cohorts_summed as (
    select
        month,
        dimension,
        sum(closing_mrr) as closing_mrr,
        sum(retained_accounts) as retained_accounts
    from rpt_cohorts
    group by 1, 2
),

sizes_compared as (
    select
        *,
        lag(cohort_accounts) over triangle_row as previous_accounts,
        lag(cohort_mrr) over triangle_row as previous_mrr,
        lag(months_since) over triangle_row as previous_months_since
    from rpt_cohorts
    window triangle_row as (partition by cohort_month, dimension, dimension_value order by months_since)
)

select
    months_summed.month,
    'cohorts do not close where the month does' as finding
from months_summed
left join cohorts_summed
    on months_summed.month = cohorts_summed.month
where
    months_summed.closing_mrr is distinct from cohorts_summed.closing_mrr
    or months_summed.retained_accounts is distinct from cohorts_summed.retained_accounts

union all

select
    month,
    'a cohort changed its size or has a hole' as finding
from sizes_compared
where
    cohort_accounts <> previous_accounts
    or cohort_mrr <> previous_mrr
    or months_since <> coalesce(previous_months_since + 1, 0)
    or cast({{ add_months_to('cohort_month', 'months_since') }} as date) <> month
    or retained_accounts > cohort_accounts
