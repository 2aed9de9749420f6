-- An account is on one plan at a time, without a gap; the plan it is on now pays what its revenue
-- says; no trial, account or gate is lost on the way to a report.
with

plan_spans as (
    select * from {{ ref('fct_plan_spans') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

trials as (
    select * from {{ ref('fct_trials') }}
),

trials_reported as (
    select * from {{ ref('rpt_trials') }}
),

account_entries as (
    select * from {{ ref('fct_account_entries') }}
),

free_to_paid as (
    select * from {{ ref('rpt_free_to_paid') }}
),

gate_conversions as (
    select * from {{ ref('fct_gate_conversions') }}
),

gates_reported as (
    select * from {{ ref('rpt_gate_conversion') }}
),

plans as (
    select * from {{ ref('plans') }}
),

spans_followed as (
    select
        account_id,
        to_date,
        lead(from_date) over (partition by account_id order by from_date) as next_from_date
    from plan_spans
),

mrr_now as (
    select
        account_id,
        closing_mrr
    from mrr_months
    qualify row_number() over (partition by account_id order by month desc) = 1
),

sums_apart as (
    select
        'trials' as subject,
        (select count(*) from trials) as expected,
        (
            select coalesce(sum(trials), 0) from trials_reported
            where cohort_grain = 'month'
        ) as found
    union all
    select
        'entries' as subject,
        (select count(*) from account_entries) as expected,
        (
            select coalesce(sum(accounts), 0) from free_to_paid
            where cohort_grain = 'month'
        ) as found
    union all
    select
        'gates' as subject,
        (select count(*) from gate_conversions) as expected,
        (
            select coalesce(sum(accounts), 0) from gates_reported
            where cohort_grain = 'month'
        ) as found
    union all
    select
        'outcomes' as subject,
        (select coalesce(sum(trials), 0) from trials_reported) as expected,
        (
            select coalesce(sum(converted_trials + cancelled_trials + expired_trials + running_trials), 0)
            from trials_reported
        ) as found
),

findings as (
    select
        'plans overlap or leave a gap' as finding,
        account_id as subject
    from spans_followed
    where to_date is distinct from next_from_date

    union all

    select
        'pays, but is on the free plan; or the other way round' as finding,
        plan_spans.account_id as subject
    from plan_spans
    left join mrr_now
        on plan_spans.account_id = mrr_now.account_id
    left join plans
        on plan_spans.plan = plans.plan_key
    where
        plan_spans.is_running
        and (coalesce(plans.plan_rank, 1) = 0) <> (coalesce(mrr_now.closing_mrr, 0) <= 0)

    union all

    select
        'report differs from its rows' as finding,
        subject
    from sums_apart
    where expected <> found
)

select * from findings
