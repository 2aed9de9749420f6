with

account_entries as (
    select * from {{ ref('fct_account_entries') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

entries_matured as (
    select
        account_entries.*,
        coalesce(account_entries.days_to_paid <= {{ var('free_to_paid_days') }}, false) as is_converted,
        {{ add_days(add_months_to('account_entries.entry_month', 1), var('free_to_paid_days')) }}
        <= as_of.as_of_date as is_mature
    from account_entries
    cross join as_of
),

cohorts as (
    select
        'month' as cohort_grain,
        entry_month,
        entry_model,
        is_mature,
        is_converted,
        days_to_paid,
        first_mrr
    from entries_matured

    union all

    select
        'total' as cohort_grain,
        cast(null as date) as entry_month,
        entry_model,
        is_mature,
        is_converted,
        days_to_paid,
        first_mrr
    from entries_matured
    where is_mature
),

counted as (
    select
        cohort_grain,
        entry_month,
        entry_model,
        is_mature,
        count(*) as accounts,
        count(case when is_converted then 1 end) as converted_accounts,
        count(days_to_paid) as paid_accounts,
        sum(case when is_converted then first_mrr end) as converted_mrr,
        {{ percentile('case when is_converted then days_to_paid end', 0.5) }} as median_days_to_paid
    from cohorts
    group by 1, 2, 3, 4
),

final as (
    select
        -- keys
        cohort_grain,
        entry_month,
        entry_model,
        -- attributes
        is_mature,
        -- measures
        accounts,
        converted_accounts,
        cast(converted_accounts as double) / accounts as conversion_rate,
        paid_accounts,
        cast(coalesce(converted_mrr, 0) as decimal(18, 2)) as converted_mrr,
        cast(median_days_to_paid as double) as median_days_to_paid
    from counted
)

select * from final
