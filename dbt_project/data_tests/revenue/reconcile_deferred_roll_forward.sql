-- opening + billed − recognised + adjusted = closing in every month, a month opens where the one
-- before closed, and the last closing is what the lines say: billed − recognised, nothing left over.
with

roll_forward as (
    select
        *,
        lag(closing_balance, 1, 0) over (order by month) as previous_closing_balance,
        row_number() over (order by month desc) as months_back
    from {{ ref('rpt_deferred_roll_forward') }}
),

as_of as (
    select cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

billed as (
    select sum(billed_lines.reporting_cents) as cents
    from {{ ref('int_revenue__billed_lines') }} as billed_lines
    cross join as_of
    where billed_lines.billed_date <= as_of.last_date
),

adjusted as (
    select sum(line_reductions.adjusted_reporting_cents) as cents
    from {{ ref('int_revenue__line_reductions') }} as line_reductions
    inner join {{ ref('int_revenue__billed_lines') }} as billed_lines
        on line_reductions.invoice_line_id = billed_lines.invoice_line_id
    cross join as_of
    where
        line_reductions.reduced_date <= as_of.last_date
        and billed_lines.billed_date <= as_of.last_date
),

recognised as (
    select sum(recognition_months.recognised_to_date_amount) * 100 as cents
    from {{ ref('fct_recognition_months') }} as recognition_months
    inner join {{ ref('int_revenue__billed_lines') }} as billed_lines
        on recognition_months.invoice_line_id = billed_lines.invoice_line_id
    cross join as_of
    where billed_lines.billed_date <= as_of.last_date
)

select
    roll_forward.month,
    roll_forward.opening_balance,
    roll_forward.closing_balance,
    billed.cents as billed_cents,
    adjusted.cents as adjusted_cents,
    recognised.cents as recognised_cents
from roll_forward
cross join billed
cross join adjusted
cross join recognised
where
    roll_forward.opening_balance + roll_forward.billed_amount - roll_forward.recognised_amount
    + roll_forward.adjusted_amount <> roll_forward.closing_balance
    or roll_forward.opening_balance <> roll_forward.previous_closing_balance
    or roll_forward.deferred_balance + roll_forward.unbilled_balance <> roll_forward.closing_balance
    or (
        roll_forward.months_back = 1
        and roll_forward.closing_balance * 100
        <> coalesce(billed.cents, 0) - coalesce(adjusted.cents, 0) - coalesce(recognised.cents, 0)
    )
