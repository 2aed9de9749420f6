-- The windows close on their own accounts, every cut adds up to the total, and the total is
-- that of the months.
with

rpt_nrr as (
    select * from {{ ref('rpt_nrr') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

windows_open as (
    select
        'window does not close' as finding,
        month,
        window_months,
        dimension
    from rpt_nrr
    where starting_mrr + expansion_mrr - contraction_mrr - churn_mrr + reactivation_mrr + fx_mrr <> ending_mrr
),

cuts_summed as (
    select
        month,
        window_months,
        dimension,
        sum(starting_mrr) as starting_mrr,
        sum(nrr_numerator) as nrr_numerator,
        sum(grr_numerator) as grr_numerator,
        sum(ending_mrr) as ending_mrr,
        sum(count_accounts_start) as count_accounts_start
    from rpt_nrr
    group by 1, 2, 3
),

cuts_apart as (
    select
        'cut does not add up to the total' as finding,
        totals.month,
        totals.window_months,
        cuts.dimension
    from cuts_summed as totals
    inner join cuts_summed as cuts
        on
            totals.month = cuts.month
            and totals.window_months = cuts.window_months
    where
        totals.dimension = 'all'
        and (
            totals.starting_mrr <> cuts.starting_mrr
            or totals.nrr_numerator <> cuts.nrr_numerator
            or totals.grr_numerator <> cuts.grr_numerator
            or totals.ending_mrr <> cuts.ending_mrr
            or totals.count_accounts_start <> cuts.count_accounts_start
        )
),

opening_of_months as (
    select
        month,
        sum(opening_mrr) as opening_mrr
    from mrr_months
    group by month
),

totals_apart as (
    select
        'total is not that of the months' as finding,
        opening_of_months.month,
        1 as window_months,
        'all' as dimension
    from opening_of_months
    left join rpt_nrr
        on
            opening_of_months.month = rpt_nrr.month
            and rpt_nrr.window_months = 1
            and rpt_nrr.dimension = 'all'
    where rpt_nrr.starting_mrr is distinct from opening_of_months.opening_mrr
)

select * from windows_open
union all
select * from cuts_apart
union all
select * from totals_apart
