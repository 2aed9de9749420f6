-- The journal's deferred revenue is the roll-forward's: at the end of the last month that is over,
-- and what was billed and adjusted since. (Unless now lies in a month that was closed already.)
with

journal_entries as (
    select * from {{ ref('fct_journal_entries') }}
),

roll_forward as (
    select * from {{ ref('rpt_deferred_roll_forward') }}
),

closing as (
    select max(posted_month) as last_closed_month
    from {{ ref('int_revenue__journal_postings') }}
),

as_of as (
    select {{ month_start("as_of_at - interval '1' microsecond") }} as current_month
    from {{ ref('dim_as_of') }}
),

posted as (
    select coalesce(sum(reporting_credit - reporting_debit), 0) as balance
    from journal_entries
    where account_key = 'deferred_revenue'
),

rolled as (
    -- the month under way is recognised in the journal when it is over
    select
        coalesce(sum(billed_amount + adjusted_amount - case when is_month_over then recognised_amount else 0 end), 0)
            as balance
    from roll_forward
)

select
    posted.balance as journal_balance,
    rolled.balance as roll_forward_balance
from posted
cross join rolled
cross join closing
cross join as_of
where
    posted.balance <> rolled.balance
    and coalesce(as_of.current_month > closing.last_closed_month, true)
