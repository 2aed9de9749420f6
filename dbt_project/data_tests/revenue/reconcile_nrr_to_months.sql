-- The windows close on their own accounts, every cut adds up to the total, and the total is
-- that of the months. What a window's churn and contraction leave out of the movements, its
-- return and exchange rate leave out too.
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
    where starting_mrr + expansion_mrr - contraction_mrr - churn_mrr + reactivation_mrr + new_mrr + fx_mrr <> ending_mrr
),

cuts_summed as (
    select
        month,
        window_months,
        dimension,
        sum(starting_mrr) as starting_mrr,
        sum(expansion_mrr) as expansion_mrr,
        sum(contraction_mrr) as contraction_mrr,
        sum(churn_mrr) as churn_mrr,
        sum(reactivation_mrr) as reactivation_mrr,
        sum(new_mrr) as new_mrr,
        sum(fx_mrr) as fx_mrr,
        sum(nrr_numerator) as nrr_numerator,
        sum(grr_numerator) as grr_numerator,
        sum(ending_mrr) as ending_mrr,
        sum(count_accounts_start) as count_accounts_start,
        sum(count_accounts_churned) as count_accounts_churned,
        sum(count_accounts_end) as count_accounts_end
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
            or totals.expansion_mrr <> cuts.expansion_mrr
            or totals.contraction_mrr <> cuts.contraction_mrr
            or totals.churn_mrr <> cuts.churn_mrr
            or totals.reactivation_mrr <> cuts.reactivation_mrr
            or totals.new_mrr <> cuts.new_mrr
            or totals.fx_mrr <> cuts.fx_mrr
            or totals.nrr_numerator <> cuts.nrr_numerator
            or totals.grr_numerator <> cuts.grr_numerator
            or totals.ending_mrr <> cuts.ending_mrr
            or totals.count_accounts_start <> cuts.count_accounts_start
            or totals.count_accounts_churned <> cuts.count_accounts_churned
            or totals.count_accounts_end <> cuts.count_accounts_end
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
),

cuts_counted as (
    -- a cut that is missing altogether adds up to nothing
    select
        month,
        window_months,
        count(distinct dimension) as count_dimensions
    from rpt_nrr
    where starting_mrr > 0
    group by 1, 2
),

cuts_missing as (
    select
        'a cut is missing' as finding,
        month,
        window_months,
        'any' as dimension
    from cuts_counted
    where count_dimensions <> {{ revenue_dimensions() | length }}
),

account_windows as (
    select * from {{ ref('int_revenue__account_windows') }}
    where starting_mrr > 0
),

movements_apart as (
    -- one account at a time: what is left out of the losses is left out of the gains
    select
        'losses and gains of an account left out differ' as finding,
        month,
        window_months,
        'all' as dimension
    from account_windows
    where
        starting_mrr + expansion_mrr - contraction_mrr - churn_mrr + reactivation_mrr + new_mrr + fx_mrr <> ending_mrr
        or expansion_mrr <> total_expansion_mrr
        or contraction_mrr > total_contraction_mrr
        or churn_mrr > total_churn_mrr
        or new_mrr > total_new_mrr
        or reactivation_mrr > total_reactivation_mrr
        or (total_contraction_mrr + total_churn_mrr) - (contraction_mrr + churn_mrr)
        <> (total_new_mrr + total_reactivation_mrr + total_fx_mrr) - (new_mrr + reactivation_mrr + fx_mrr)
        or contraction_mrr < 0
        or churn_mrr < 0
        or reactivation_mrr < 0
        -- something is left out only where nothing is left
        or (retained_mrr > 0 and contraction_mrr + churn_mrr <> total_contraction_mrr + total_churn_mrr)
)

select * from windows_open
union all
select * from cuts_missing
union all
select * from movements_apart
union all
select * from cuts_apart
union all
select * from totals_apart
