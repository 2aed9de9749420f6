-- Every account and month: opening + movements = closing, to the cent; a month opens where the
-- one before closed; no month is missing in between.
with

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

chained as (
    select
        *,
        lag(closing_mrr) over (partition by account_id order by month) as previous_closing_mrr,
        lag(month) over (partition by account_id order by month) as previous_month
    from mrr_months
)

select *
from chained
where
    opening_mrr + new_mrr + expansion_mrr + contraction_mrr + churn_mrr + reactivation_mrr + fx_mrr <> closing_mrr
    or opening_mrr <> coalesce(previous_closing_mrr, 0)
    or closing_mrr < 0
    or cast({{ add_months_to('previous_month', 1) }} as date) <> month
