with

billed_lines as (
    select * from {{ ref('int_revenue__billed_lines') }}
    where is_billed
),

line_reductions as (
    select * from {{ ref('int_revenue__line_reductions') }}
),

recognition_schedules as (
    select * from {{ ref('int_revenue__recognition_schedules') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

credit_notes as (
    select * from {{ ref('fct_credit_notes') }}
),

refunds as (
    select * from {{ ref('fct_invoice_refunds') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

as_of as (
    select
        reporting_currency,
        cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

rate_months as (
    select
        min(month) as first_month,
        max(month) as last_month
    from fx_rates
),

net_of_invoices as (
    select
        invoice_id,
        min(account_id) as account_id,
        min(customer_id) as customer_id,
        min(currency) as currency,
        min(source) as source,
        min(rate) as rate,
        min(billed_date) as billed_date,
        cast(sum(net_cents) as bigint) as net_cents,
        cast(coalesce(sum(reporting_cents), 0) as bigint) as net_reporting_cents
    from billed_lines
    group by invoice_id
),

owed as (
    select
        net_of_invoices.*,
        coalesce(invoices.tax_cents, 0) as tax_cents,
        net_of_invoices.net_cents + coalesce(invoices.tax_cents, 0) as owed_cents,
        net_of_invoices.net_reporting_cents
        + coalesce({{ reporting_cents('coalesce(invoices.tax_cents, 0)', 'net_of_invoices.currency', 'net_of_invoices.rate') }}, 0)
            as owed_reporting_cents
    from net_of_invoices
    left join invoices
        on net_of_invoices.invoice_id = invoices.invoice_id
),

reduced as (
    select
        document_type,
        document_id,
        invoice_id,
        min(reduced_date) as reduced_date,
        cast(sum(adjusted_cents) as bigint) as net_cents,
        cast(coalesce(sum(adjusted_reporting_cents), 0) as bigint) as net_reporting_cents
    from line_reductions
    group by 1, 2, 3
),

credited_taxes as (
    select
        invoice_id,
        sum(tax_cents) as tax_cents
    from credit_notes
    where voided_at is null
    group by invoice_id
),

documents as (
    -- what lowers what is owed: net of tax, the tax, what is lost, paid, and settled with credit the
    -- customer had with us
    select
        'credit_note' as entry_type,
        credit_notes.credit_note_id as reference,
        credit_notes.invoice_id,
        cast(credit_notes.effective_at as date) as entry_date,
        credit_notes.tax_cents,
        cast(0 as bigint) as lost_cents,
        cast(0 as bigint) as paid_cents,
        cast(0 as bigint) as balance_cents
    from credit_notes

    union all

    select
        'credit_note_void' as entry_type,
        credit_notes.credit_note_id as reference,
        credit_notes.invoice_id,
        cast(credit_notes.voided_at as date) as entry_date,
        -credit_notes.tax_cents as tax_cents,
        0 as lost_cents,
        0 as paid_cents,
        0 as balance_cents
    from credit_notes
    where credit_notes.voided_at is not null

    union all

    select
        'refund' as entry_type,
        reduced.document_id as reference,
        reduced.invoice_id,
        reduced.reduced_date as entry_date,
        case
            when invoices.total_cents > invoices.tax_cents
                then {{ money_share(
                    'reduced.net_cents', 'invoices.tax_cents', '(invoices.total_cents - invoices.tax_cents)'
                ) }}
            else cast(0 as bigint)
        end as tax_cents,
        0 as lost_cents,
        0 as paid_cents,
        0 as balance_cents
    from reduced
    inner join invoices
        on reduced.invoice_id = invoices.invoice_id
    where reduced.document_type = 'refund'

    union all

    select
        'void' as entry_type,
        invoices.invoice_id as reference,
        invoices.invoice_id,
        cast(invoices.voided_at as date) as entry_date,
        cast(invoices.tax_cents - coalesce(credited_taxes.tax_cents, 0) as bigint) as tax_cents,
        0 as lost_cents,
        0 as paid_cents,
        0 as balance_cents
    from invoices
    left join credited_taxes
        on invoices.invoice_id = credited_taxes.invoice_id
    where invoices.status = 'void'

    union all

    select
        'write_off' as entry_type,
        invoices.invoice_id as reference,
        invoices.invoice_id,
        cast(invoices.marked_uncollectible_at as date) as entry_date,
        0 as tax_cents,
        invoices.amount_remaining_cents - coalesce(reduced.net_cents, 0) as lost_cents,
        0 as paid_cents,
        0 as balance_cents
    from invoices
    left join reduced
        on
            invoices.invoice_id = reduced.invoice_id
            and reduced.document_type = 'write_off'
    where
        invoices.status = 'uncollectible'
        and invoices.amount_remaining_cents > 0

    union all

    select
        'payment' as entry_type,
        invoice_id as reference,
        invoice_id,
        cast(coalesce(paid_at, marked_uncollectible_at, finalized_at) as date) as entry_date,
        0 as tax_cents,
        0 as lost_cents,
        amount_paid_cents as paid_cents,
        0 as balance_cents
    from invoices
    where amount_paid_cents <> 0

    union all

    select
        'balance_applied' as entry_type,
        invoice_id as reference,
        invoice_id,
        cast(finalized_at as date) as entry_date,
        0 as tax_cents,
        0 as lost_cents,
        0 as paid_cents,
        applied_balance_cents as balance_cents
    from invoices
    where applied_balance_cents <> 0

    union all

    select
        'refund_paid' as entry_type,
        refund_id as reference,
        invoice_id,
        cast(refunded_at as date) as entry_date,
        0 as tax_cents,
        0 as lost_cents,
        -amount_cents as paid_cents,
        0 as balance_cents
    from refunds
),

documents_valued as (
    select
        documents.*,
        owed.account_id,
        owed.customer_id,
        owed.currency,
        owed.rate,
        owed.owed_cents,
        owed.owed_reporting_cents,
        coalesce(reduced.net_cents, 0) as net_cents,
        coalesce(reduced.net_reporting_cents, 0) as net_reporting_cents,
        -- money changes hands at the rate of its own month
        case when owed.currency = as_of.reporting_currency then cast(1 as decimal(18, 8)) else fx_rates.rate end as paid_rate,
        coalesce(reduced.net_cents, 0)
        + documents.tax_cents + documents.lost_cents + documents.paid_cents + documents.balance_cents as settled_cents
    from documents
    cross join as_of
    cross join rate_months
    inner join owed
        on documents.invoice_id = owed.invoice_id
    left join reduced
        on
            documents.entry_type = reduced.document_type
            and documents.reference = reduced.document_id
    left join fx_rates
        on
            owed.currency = fx_rates.currency
            and fx_rates.month = greatest(
                least({{ month_start('documents.entry_date') }}, rate_months.last_month), rate_months.first_month
            )
    where documents.entry_date <= as_of.last_date
),

documents_in_order as (
    select
        *,
        sum(settled_cents) over (
            partition by invoice_id
            order by entry_date, entry_type, reference
            rows between unbounded preceding and current row
        ) as settled_so_far_cents
    from documents_valued
),

documents_settled as (
    select
        *,
        {{ reporting_cents('tax_cents', 'currency', 'rate') }} as tax_reporting_cents,
        {{ reporting_cents('lost_cents', 'currency', 'rate') }} as lost_reporting_cents,
        {{ reporting_cents('balance_cents', 'currency', 'rate') }} as balance_reporting_cents,
        {{ reporting_cents('paid_cents', 'currency', 'paid_rate') }} as paid_reporting_cents,
        -- as a share of what was owed: an invoice that is settled leaves no cent
        coalesce(
            case
                when owed_cents > 0 then {{ money_share('owed_reporting_cents', 'settled_so_far_cents', 'owed_cents') }}
                else {{ reporting_cents('settled_so_far_cents', 'currency', 'rate') }}
            end, 0
        ) as settled_so_far_reporting_cents,
        coalesce(
            case
                when owed_cents > 0 then {{ money_share('owed_reporting_cents', '(settled_so_far_cents - settled_cents)', 'owed_cents') }}
                else {{ reporting_cents('(settled_so_far_cents - settled_cents)', 'currency', 'rate') }}
            end, 0
        ) as settled_before_reporting_cents
    from documents_in_order
),

documents_split as (
    -- what settles more than is owed gives the customer credit with us, and is no receivable below
    -- nothing; what takes it back takes the credit first
    select
        *,
        settled_so_far_reporting_cents - settled_before_reporting_cents as settled_reporting_cents,
        greatest(settled_so_far_cents - owed_cents, 0)
        - greatest(settled_so_far_cents - settled_cents - owed_cents, 0) as credited_cents,
        greatest(settled_so_far_reporting_cents - owed_reporting_cents, 0)
        - greatest(settled_before_reporting_cents - owed_reporting_cents, 0) as credited_reporting_cents
    from documents_settled
),

recognised as (
    select
        billed_lines.invoice_id,
        recognition_schedules.month,
        billed_lines.line_type,
        cast(sum(recognition_schedules.recognised_cents) as bigint) as recognised_cents,
        cast(coalesce(sum(recognition_schedules.recognised_reporting_cents), 0) as bigint) as recognised_reporting_cents,
        cast(sum(recognition_schedules.caught_up_cents) as bigint) as caught_up_cents,
        cast(coalesce(sum(recognition_schedules.caught_up_reporting_cents), 0) as bigint) as caught_up_reporting_cents
    from recognition_schedules
    inner join billed_lines
        on recognition_schedules.invoice_line_id = billed_lines.invoice_line_id
    group by 1, 2, 3
),

recognised_months as (
    -- on the last day of a month that is over
    select
        recognised.*,
        owed.account_id,
        owed.customer_id,
        owed.currency,
        last_day(recognised.month) as entry_date,
        recognised.invoice_id || ':' || cast(recognised.month as varchar) as recognition_key
    from recognised
    cross join as_of
    inner join owed
        on recognised.invoice_id = owed.invoice_id
    where last_day(recognised.month) <= as_of.last_date
),

postings as (
    {% for account_key, amount, reporting in [
        (
            "case when source = 'contract' then 'contract_receivables' else 'receivables' end",
            'greatest(owed_cents, 0)', 'greatest(owed_reporting_cents, 0)',
        ),
        ("'customer_credits'", 'least(owed_cents, 0)', 'least(owed_reporting_cents, 0)'),
        ("'deferred_revenue'", '-net_cents', '-net_reporting_cents'),
        ("'tax_payable'", '-tax_cents', '-(owed_reporting_cents - net_reporting_cents)'),
    ] -%}
    select
        'invoice' as entry_type,
        'invoice:' || invoice_id as entry_key,
        invoice_id as reference,
        invoice_id,
        account_id,
        customer_id,
        currency,
        billed_date as entry_date,
        {{ account_key }} as account_key,
        {{ amount }} as amount_cents,
        {{ reporting }} as reporting_cents
    from owed

    union all

    {% endfor -%}
    {% for account_key, amount, reporting in [
        ('deferred_revenue', 'net_cents', 'net_reporting_cents'),
        ('tax_payable', 'tax_cents', 'coalesce(tax_reporting_cents, 0)'),
        ('bad_debt', 'lost_cents', 'coalesce(lost_reporting_cents, 0)'),
        ('cash', 'paid_cents', 'coalesce(paid_reporting_cents, 0)'),
        ('receivables', '-(settled_cents - credited_cents)', '-(settled_reporting_cents - credited_reporting_cents)'),
        (
            'customer_credits',
            'balance_cents - credited_cents',
            'coalesce(balance_reporting_cents, 0) - credited_reporting_cents',
        ),
        (
            'fx_differences',
            '0',
            'settled_reporting_cents - net_reporting_cents - coalesce(tax_reporting_cents, 0)
            - coalesce(lost_reporting_cents, 0) - coalesce(paid_reporting_cents, 0)
            - coalesce(balance_reporting_cents, 0)',
        ),
    ] -%}
    select
        entry_type,
        entry_type || ':' || reference as entry_key,
        reference,
        invoice_id,
        account_id,
        customer_id,
        currency,
        entry_date,
        '{{ account_key }}' as account_key,
        {{ amount }} as amount_cents,
        {{ reporting }} as reporting_cents
    from documents_split

    union all

    {% endfor -%}
    {% for account_key, amount, reporting in [
        ("'deferred_revenue'", 'recognised_cents', 'recognised_reporting_cents'),
        (
            "'revenue_' || line_type",
            '-(recognised_cents - caught_up_cents)',
            '-(recognised_reporting_cents - caught_up_reporting_cents)',
        ),
        ("'credits_and_refunds'", '-caught_up_cents', '-caught_up_reporting_cents'),
    ] -%}
    select
        'recognition' as entry_type,
        'recognition:' || recognition_key as entry_key,
        invoice_id as reference,
        invoice_id,
        account_id,
        customer_id,
        currency,
        entry_date,
        {{ account_key }} as account_key,
        {{ amount }} as amount_cents,
        {{ reporting }} as reporting_cents
    from recognised_months
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        -- keys
        postings.entry_key,
        postings.account_key,
        postings.reference,
        postings.invoice_id,
        postings.account_id,
        postings.customer_id,
        -- attributes
        postings.entry_type,
        postings.currency,
        as_of.reporting_currency,
        -- measures
        cast(sum(postings.amount_cents) as bigint) as amount_cents,
        cast(sum(postings.reporting_cents) as bigint) as reporting_cents,
        -- times
        postings.entry_date,
        {{ month_start('postings.entry_date') }} as entry_month
    from postings
    cross join as_of
    where postings.entry_date <= as_of.last_date
    group by
        postings.entry_key, postings.account_key, postings.reference, postings.invoice_id, postings.account_id,
        postings.customer_id, postings.entry_type, postings.currency, as_of.reporting_currency, postings.entry_date
    having sum(postings.amount_cents) <> 0 or sum(postings.reporting_cents) <> 0
)

select * from final
