with

journal_due as (
    select * from {{ ref('int_revenue__journal_due') }}
),

journal_postings as (
    select * from {{ ref('int_revenue__journal_postings') }}
),

ledger_accounts as (
    select * from {{ ref('ledger_accounts') }}
),

closing as (
    select
        as_of_at,
        {{ month_start("as_of_at - interval '1' microsecond") }} as current_month
    from {{ ref('dim_as_of') }}
),

{{ journal_pending('journal_postings') }},

gathered as (
    select
        entry_id,
        account_key,
        reference,
        invoice_id,
        account_id,
        customer_id,
        entry_type,
        account_code,
        account_name,
        currency,
        reporting_currency,
        is_correction,
        amount_cents,
        reporting_cents,
        entry_date,
        entry_month,
        posted_month,
        true as is_closed
    from journal_postings
    where account_key is not null

    union all

    select
        entry_id,
        account_key,
        reference,
        invoice_id,
        account_id,
        customer_id,
        entry_type,
        account_code,
        account_name,
        currency,
        reporting_currency,
        is_correction,
        amount_cents,
        reporting_cents,
        entry_date,
        entry_month,
        posted_month,
        false as is_closed
    from pending
),

final as (
    select
        -- keys
        entry_id,
        account_key,
        reference,
        invoice_id,
        account_id,
        customer_id,
        -- attributes
        entry_type as source,
        account_code,
        account_name,
        currency,
        reporting_currency,
        is_correction,
        is_closed,
        -- measures
        {{ stripe_amount('greatest(amount_cents, 0)', 'currency') }} as debit,
        {{ stripe_amount('greatest(-amount_cents, 0)', 'currency') }} as credit,
        {{ from_cents('greatest(reporting_cents, 0)') }} as reporting_debit,
        {{ from_cents('greatest(-reporting_cents, 0)') }} as reporting_credit,
        -- times
        entry_date,
        posted_month as month,
        entry_month as concerns_month
    from gathered
)

select * from final
