with

failed_invoices as (
    select * from {{ ref('fct_failed_invoices') }}
    where not is_first_payment
),

payment_attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

attempts_until_settled as (
    -- each invoice at each of its attempts from the first failure on
    select
        failed_invoices.failed_month as month,
        payment_attempts.invoice_id,
        row_number() over (
            partition by payment_attempts.invoice_id order by payment_attempts.attempt_number
        ) as attempt_number,
        coalesce(
            payment_attempts.attempt_number = failed_invoices.recovered_on_attempt, false
        ) as is_recovering
    from failed_invoices
    inner join payment_attempts
        on failed_invoices.invoice_id = payment_attempts.invoice_id
    where
        payment_attempts.attempted_at >= failed_invoices.first_failed_at
        and coalesce(payment_attempts.attempt_number <= failed_invoices.recovered_on_attempt, true)
        and coalesce(payment_attempts.attempted_at <= failed_invoices.recovered_at, true)
),

months_failed as (
    select
        failed_month as month,
        count(*) as failed_invoices
    from failed_invoices
    group by failed_month
),

counted as (
    select
        month,
        attempt_number,
        count(*) as attempted_invoices,
        count(case when is_recovering then 1 end) as recovered_invoices
    from attempts_until_settled
    group by 1, 2
),

months_matured as (
    select
        months_failed.month,
        months_failed.failed_invoices,
        {{ is_recovery_mature('months_failed.month') }} as is_mature
    from months_failed
    cross join as_of
),

mature_months as (
    select sum(failed_invoices) as failed_invoices
    from months_matured
    where is_mature
),

by_month as (
    select
        counted.month,
        counted.attempt_number,
        counted.attempted_invoices,
        counted.recovered_invoices,
        months_matured.failed_invoices,
        months_matured.is_mature
    from counted
    inner join months_matured
        on counted.month = months_matured.month
),

cohorts as (
    select
        'month' as cohort_grain,
        month,
        attempt_number,
        attempted_invoices,
        recovered_invoices,
        failed_invoices,
        is_mature
    from by_month

    union all

    select
        'total' as cohort_grain,
        cast(null as date) as month,
        by_month.attempt_number,
        sum(by_month.attempted_invoices) as attempted_invoices,
        sum(by_month.recovered_invoices) as recovered_invoices,
        max(mature_months.failed_invoices) as failed_invoices,
        true as is_mature
    from by_month
    cross join mature_months
    where by_month.is_mature
    group by by_month.attempt_number
),

final as (
    select
        -- keys
        cohort_grain,
        month,
        cast(attempt_number as integer) as attempt_number,
        -- attributes
        is_mature,
        -- measures
        cast(attempted_invoices as bigint) as attempted_invoices,
        cast(recovered_invoices as bigint) as recovered_invoices,
        cast(recovered_invoices as double) / cast(attempted_invoices as double) as recovery_rate,
        cast(failed_invoices as bigint) as failed_invoices,
        cast(
            sum(recovered_invoices) over (
                partition by cohort_grain, month
                order by attempt_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as recovered_so_far,
        cast(
            sum(recovered_invoices) over (
                partition by cohort_grain, month
                order by attempt_number
                rows between unbounded preceding and current row
            ) as double
        ) / cast(failed_invoices as double) as recovered_so_far_share
    from cohorts
)

select * from final
