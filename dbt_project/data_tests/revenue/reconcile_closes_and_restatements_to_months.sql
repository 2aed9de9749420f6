-- Nothing restates in silence: every closed month of every account is what was reported, plus
-- its restatements, to the cent. A build as of a past day reads months the ledger has not
-- closed and writes nothing, so it is not asked. What rpt_mrr_as_known calls now is the month too.
with

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

mrr_closes as (
    select * from {{ ref('fct_mrr_closes') }}
),

mrr_restatements as (
    select * from {{ ref('fct_mrr_restatements') }}
),

mrr_as_known as (
    select * from {{ ref('rpt_mrr_as_known') }}
),

close_log as (
    select * from {{ ref('int_revenue__mrr_close_log') }}
),

as_of as (
    select as_of.as_of_at
    from {{ ref('dim_as_of') }} as as_of
    where not exists (
        select 1 from close_log
        where close_log.recorded_at > as_of.as_of_at
    )
),

gathered as (
    select
        account_id,
        month,
        closing_mrr as now_mrr,
        cast(0 as decimal(18, 2)) as ledger_mrr
    from mrr_months
    cross join as_of
    where cast({{ add_months_to('month', 1) }} as timestamp) <= as_of.as_of_at

    union all

    select
        account_id,
        month,
        cast(0 as decimal(18, 2)) as now_mrr,
        reported_mrr as ledger_mrr
    from mrr_closes
    cross join as_of

    union all

    select
        account_id,
        month,
        cast(0 as decimal(18, 2)) as now_mrr,
        difference as ledger_mrr
    from mrr_restatements
    cross join as_of
),

as_known_gathered as (
    select
        account_id,
        month,
        mrr_now,
        cast(0 as decimal(18, 2)) as closing_mrr
    from mrr_as_known

    union all

    select
        mrr_months.account_id,
        mrr_months.month,
        cast(0 as decimal(18, 2)) as mrr_now,
        mrr_months.closing_mrr
    from mrr_months
    cross join {{ ref('dim_as_of') }} as now_of_build
    where cast({{ add_months_to('mrr_months.month', 1) }} as timestamp) <= now_of_build.as_of_at
)

select
    account_id,
    month,
    sum(now_mrr) as now_mrr,
    sum(ledger_mrr) as ledger_mrr
from gathered
group by 1, 2
having sum(now_mrr) <> sum(ledger_mrr)

union all

select
    account_id,
    month,
    sum(closing_mrr) as now_mrr,
    sum(mrr_now) as ledger_mrr
from as_known_gathered
group by 1, 2
having sum(closing_mrr) <> sum(mrr_now)
