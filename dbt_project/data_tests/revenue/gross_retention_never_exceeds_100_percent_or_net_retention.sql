-- Gross retention is between 0 and 1 and never above net. A return or an exchange rate gives an
-- account more to lose than its start and its growth; both are outside net retention, so that
-- with them in the window net can be below gross by as much as they brought.
with

account_windows as (
    select * from {{ ref('int_revenue__account_windows') }}
    where starting_mrr > 0
),

rpt_nrr as (
    select * from {{ ref('rpt_nrr') }}
),

gains_from_outside as (
    select
        month,
        window_months,
        sum(
            case when reactivation_mrr + fx_mrr > 0 then reactivation_mrr + fx_mrr else 0 end
        ) as amount
    from account_windows
    group by 1, 2
)

select
    rpt_nrr.month,
    rpt_nrr.window_months,
    rpt_nrr.dimension,
    rpt_nrr.dimension_value,
    rpt_nrr.grr,
    rpt_nrr.nrr
from rpt_nrr
left join gains_from_outside
    on
        rpt_nrr.month = gains_from_outside.month
        and rpt_nrr.window_months = gains_from_outside.window_months
where
    rpt_nrr.grr not between 0 and 1
    or rpt_nrr.grr_numerator > rpt_nrr.nrr_numerator + coalesce(gains_from_outside.amount, 0)
    or (rpt_nrr.starting_mrr = 0) <> (rpt_nrr.nrr is null)
