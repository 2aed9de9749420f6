-- No failed attempt is lost on the way to the reports, every amount that failed is somewhere,
-- and an account is in exactly one dunning state at a time.
with

payment_attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

failed_invoices as (
    select * from {{ ref('fct_failed_invoices') }}
),

payment_recovery as (
    select * from {{ ref('rpt_payment_recovery') }}
),

dunning_months as (
    select * from {{ ref('rpt_dunning_months') }}
),

dunning_states as (
    select * from {{ ref('fct_dunning_states') }}
),

failures_nowhere as (
    select
        'failed attempt in no failed invoice' as finding,
        payment_attempts.payment_attempt_id as subject
    from payment_attempts
    inner join invoices
        on payment_attempts.invoice_id = invoices.invoice_id
    left join failed_invoices
        on payment_attempts.invoice_id = failed_invoices.invoice_id
    where
        not payment_attempts.is_successful
        and coalesce(payment_attempts.attempted_at <= invoices.paid_at, true)
        and failed_invoices.invoice_id is null
),

amounts_open as (
    select
        'recovered, lost and open are not what failed' as finding,
        invoice_id as subject
    from failed_invoices
    where
        failed_amount <> recovered_amount + lost_amount + open_amount
        or least(recovered_amount, lost_amount, open_amount) < 0
        or (outcome = 'open') <> (recovered_at is null and lost_at is null)
        or recovered_at < first_failed_at
        or lost_at < first_failed_at
),

facts_summed as (
    select
        failed_month as month,
        count(*) as failed_invoices,
        count(case when outcome = 'recovered' then 1 end) as recovered_invoices,
        sum(failed_amount) as failed_amount
    from failed_invoices
    where not is_first_payment
    group by failed_month
),

report_summed as (
    select
        month,
        sum(failed_invoices) as failed_invoices,
        sum(recovered_invoices) as recovered_invoices,
        sum(failed_amount) as failed_amount
    from payment_recovery
    group by month
),

reports_apart as (
    select
        'report differs from the invoices' as finding,
        cast(coalesce(facts_summed.month, dunning_months.month) as varchar) as subject
    from facts_summed
    full outer join report_summed
        on facts_summed.month = report_summed.month
    full outer join dunning_months
        on facts_summed.month = dunning_months.month
    where
        coalesce(facts_summed.failed_invoices, 0) <> coalesce(report_summed.failed_invoices, 0)
        or coalesce(facts_summed.recovered_invoices, 0) <> coalesce(report_summed.recovered_invoices, 0)
        or coalesce(facts_summed.failed_amount, 0) <> coalesce(report_summed.failed_amount, 0)
        or coalesce(facts_summed.failed_invoices, 0) <> coalesce(dunning_months.failed_invoices, 0)
        or coalesce(facts_summed.recovered_invoices, 0) <> coalesce(dunning_months.recovered_invoices, 0)
),

states_followed as (
    select
        account_id,
        valid_to,
        lead(valid_from) over (partition by account_id order by valid_from) as next_valid_from
    from dunning_states
),

states_apart as (
    select
        'dunning states overlap or leave a gap' as finding,
        account_id as subject
    from states_followed
    where valid_to is distinct from next_valid_from
),

findings as (
    select * from failures_nowhere
    union all
    select * from amounts_open
    union all
    select * from reports_apart
    union all
    select * from states_apart
)

select * from findings
