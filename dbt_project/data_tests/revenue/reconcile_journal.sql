-- Every entry is balanced in both currencies; and all that was posted, corrections and all, is what
-- is due, in every account and currency (unless now lies in a month that was closed already).
with

journal_entries as (
    select * from {{ ref('fct_journal_entries') }}
),

journal_due as (
    select * from {{ ref('int_revenue__journal_due') }}
),

closing as (
    select max(posted_month) as last_closed_month
    from {{ ref('int_revenue__journal_postings') }}
),

as_of as (
    select {{ month_start("as_of_at - interval '1' microsecond") }} as current_month
    from {{ ref('dim_as_of') }}
),

unbalanced as (
    select
        'entry not balanced' as problem,
        entry_id as key,
        sum(debit - credit) as difference,
        sum(reporting_debit - reporting_credit) as reporting_difference
    from journal_entries
    group by entry_id
    having sum(debit - credit) <> 0 or sum(reporting_debit - reporting_credit) <> 0
),

posted as (
    select
        account_key,
        currency,
        sum(debit - credit) as amount,
        sum(reporting_debit - reporting_credit) as reporting_amount
    from journal_entries
    group by 1, 2
),

due as (
    select
        account_key,
        currency,
        sum({{ stripe_amount('amount_cents', 'currency') }}) as amount,
        sum({{ from_cents('reporting_cents') }}) as reporting_amount
    from journal_due
    group by 1, 2
),

not_what_is_due as (
    select
        'not what is due' as problem,
        coalesce(posted.account_key, due.account_key) as key,
        coalesce(posted.amount, 0) - coalesce(due.amount, 0) as difference,
        coalesce(posted.reporting_amount, 0) - coalesce(due.reporting_amount, 0) as reporting_difference
    from posted
    full join due
        on
            posted.account_key = due.account_key
            and posted.currency = due.currency
    cross join closing
    cross join as_of
    where
        coalesce(as_of.current_month > closing.last_closed_month, true)
        and (
            coalesce(posted.amount, 0) <> coalesce(due.amount, 0)
            or coalesce(posted.reporting_amount, 0) <> coalesce(due.reporting_amount, 0)
        )
)

select * from unbalanced
union all
select * from not_what_is_due
