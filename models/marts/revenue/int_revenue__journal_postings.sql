with

journal_due as (
    select * from {{ ref('int_revenue__journal_due') }}
),

ledger_accounts as (
    select * from {{ ref('ledger_accounts') }}
),

closing as (
    -- a month is closed so many days after its end
    select
        as_of_at,
        {{ month_start("as_of_at - interval '1' microsecond") }} as current_month,
        cast(
            {{ add_months_to(month_start(add_days('as_of_at', -var('journal_close_days'))), -1) }} as date
        ) as closed_through_month
    from {{ ref('dim_as_of') }}
),

earlier_postings as (
    {% if is_incremental() -%}
    select
        entry_key,
        account_key,
        reference,
        invoice_id,
        account_id,
        customer_id,
        entry_type,
        currency,
        reporting_currency,
        amount_cents,
        reporting_cents,
        entry_month,
        posted_month
    from {{ this }}
    {%- else -%}
    select
        entry_key,
        account_key,
        reference,
        invoice_id,
        account_id,
        customer_id,
        entry_type,
        currency,
        reporting_currency,
        amount_cents,
        reporting_cents,
        entry_month,
        entry_month as posted_month
    from journal_due
    where false
    {%- endif %}
),

{{ journal_pending('earlier_postings') }},

closed_now as (
    -- remembered without entries too, once the books have begun
    select
        'closed:' || cast(closing.closed_through_month as varchar) as entry_id,
        closing.as_of_at,
        closing.closed_through_month
    from closing
    cross join last_closed
    where
        closing.closed_through_month > coalesce(last_closed.last_closed_month, date '0001-01-01')
        and (
            last_closed.last_closed_month is not null
            or closing.closed_through_month >= (select min(entry_month) as first_month from journal_due)
        )
),

final as (
    select
        -- keys
        pending.entry_id,
        pending.account_key,
        pending.entry_key,
        pending.reference,
        pending.invoice_id,
        pending.account_id,
        pending.customer_id,
        -- attributes
        pending.entry_type,
        pending.account_code,
        pending.account_name,
        pending.currency,
        pending.reporting_currency,
        pending.is_correction,
        -- measures
        pending.amount_cents,
        pending.reporting_cents,
        -- times
        pending.entry_date,
        pending.entry_month,
        pending.posted_month,
        closed_now.as_of_at as closed_at
    from pending
    cross join closed_now
    where pending.posted_month <= closed_now.closed_through_month

    union all

    select
        entry_id,
        cast(null as varchar) as account_key,
        cast(null as varchar) as entry_key,
        cast(null as varchar) as reference,
        cast(null as varchar) as invoice_id,
        cast(null as varchar) as account_id,
        cast(null as varchar) as customer_id,
        'close' as entry_type,
        cast(null as varchar) as account_code,
        cast(null as varchar) as account_name,
        cast(null as varchar) as currency,
        cast(null as varchar) as reporting_currency,
        false as is_correction,
        cast(0 as bigint) as amount_cents,
        cast(0 as bigint) as reporting_cents,
        cast(null as date) as entry_date,
        closed_through_month as entry_month,
        closed_through_month as posted_month,
        as_of_at as closed_at
    from closed_now
)

select * from final
