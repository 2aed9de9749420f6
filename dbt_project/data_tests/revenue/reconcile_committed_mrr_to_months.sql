-- Committed MRR begins with the MRR of now, account by account, and what is agreed never takes
-- more than there is.
with

committed_mrr as (
    select * from {{ ref('rpt_committed_mrr') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

as_of as (
    select {{ month_start("as_of_at - interval '1' microsecond") }} as this_month
    from {{ ref('dim_as_of') }}
),

months_now as (
    select
        mrr_months.account_id,
        mrr_months.closing_mrr
    from mrr_months
    inner join as_of
        on mrr_months.month = as_of.this_month
),

first_months as (
    select
        committed_mrr.account_id,
        committed_mrr.opening_committed_mrr
    from committed_mrr
    inner join as_of
        on committed_mrr.month = as_of.this_month
)

select
    'begins elsewhere' as finding,
    coalesce(months_now.account_id, first_months.account_id) as account_id
from months_now
full outer join first_months
    on months_now.account_id = first_months.account_id
where coalesce(months_now.closing_mrr, 0) <> coalesce(first_months.opening_committed_mrr, 0)

union all

select
    'negative' as finding,
    account_id
from committed_mrr
where committed_mrr < 0
