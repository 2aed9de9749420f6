{#-
    What is still to be posted: the entries that are due less those posted, by entry, account and
    month. What concerns a month that is still open goes there; what concerns a closed one is a
    correction in the first open month. Nothing while now lies in a month that was closed already.
    `postings` is a CTE with the columns of int_revenue__journal_postings; the body of CTEs that
    ends with `pending`. Needs the CTEs journal_due, ledger_accounts and closing (as_of_at,
    current_month).
-#}
{% macro journal_pending(postings) -%}
last_closed as (
    select max(posted_month) as last_closed_month
    from {{ postings }}
),

posted as (
    select
        entry_key,
        account_key,
        entry_month,
        currency,
        reporting_currency,
        min(reference) as reference,
        min(invoice_id) as invoice_id,
        min(account_id) as account_id,
        min(customer_id) as customer_id,
        min(entry_type) as entry_type,
        sum(amount_cents) as amount_cents,
        sum(reporting_cents) as reporting_cents
    from {{ postings }}
    where account_key is not null
    group by 1, 2, 3, 4, 5
),

differences as (
    select
        coalesce(journal_due.entry_key, posted.entry_key) as entry_key,
        coalesce(journal_due.account_key, posted.account_key) as account_key,
        coalesce(journal_due.entry_month, posted.entry_month) as entry_month,
        coalesce(journal_due.reporting_currency, posted.reporting_currency) as reporting_currency,
        coalesce(journal_due.reference, posted.reference) as reference,
        coalesce(journal_due.invoice_id, posted.invoice_id) as invoice_id,
        coalesce(journal_due.account_id, posted.account_id) as account_id,
        coalesce(journal_due.customer_id, posted.customer_id) as customer_id,
        coalesce(journal_due.entry_type, posted.entry_type) as entry_type,
        coalesce(journal_due.currency, posted.currency) as currency,
        journal_due.entry_date,
        cast(coalesce(journal_due.amount_cents, 0) - coalesce(posted.amount_cents, 0) as bigint) as amount_cents,
        cast(coalesce(journal_due.reporting_cents, 0) - coalesce(posted.reporting_cents, 0) as bigint) as reporting_cents
    from journal_due
    full join posted
        on
            journal_due.entry_key = posted.entry_key
            and journal_due.account_key = posted.account_key
            and journal_due.entry_month = posted.entry_month
            and journal_due.currency = posted.currency
            and journal_due.reporting_currency = posted.reporting_currency
),

pending_lines as (
    select
        differences.*,
        coalesce(differences.entry_month <= last_closed.last_closed_month, false) as is_correction,
        case
            when differences.entry_month <= last_closed.last_closed_month
                then cast({{ add_months_to('last_closed.last_closed_month', 1) }} as date)
            else differences.entry_month
        end as posted_month
    from differences
    cross join last_closed
    cross join closing
    where
        (differences.amount_cents <> 0 or differences.reporting_cents <> 0)
        and (last_closed.last_closed_month is null or closing.current_month > last_closed.last_closed_month)
),

pending as (
    select
        -- keys
        'je_' || md5(
            pending_lines.entry_key || '|' || cast(pending_lines.entry_month as varchar) || '|'
            || cast(pending_lines.posted_month as varchar) || '|' || pending_lines.currency || '|'
            || pending_lines.reporting_currency
        ) as entry_id,
        pending_lines.account_key,
        pending_lines.entry_key,
        pending_lines.reference,
        pending_lines.invoice_id,
        pending_lines.account_id,
        pending_lines.customer_id,
        -- attributes
        pending_lines.entry_type,
        ledger_accounts.account_code,
        ledger_accounts.account_name,
        pending_lines.currency,
        pending_lines.reporting_currency,
        pending_lines.is_correction,
        -- measures
        pending_lines.amount_cents,
        pending_lines.reporting_cents,
        -- times
        case when pending_lines.is_correction then pending_lines.posted_month else pending_lines.entry_date end as entry_date,
        pending_lines.entry_month,
        pending_lines.posted_month
    from pending_lines
    left join ledger_accounts
        on pending_lines.account_key = ledger_accounts.account_key
)
{%- endmacro %}
