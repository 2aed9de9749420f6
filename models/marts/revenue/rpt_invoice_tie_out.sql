{%- set classes = ['contract', 'timing', 'proration', 'one_time', 'usage', 'discount_once', 'tax', 'rounding', 'unexplained'] -%}

with

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

close_items as (
    select * from {{ ref('int_revenue__month_close_items') }}
),

invoice_items as (
    select * from {{ ref('int_revenue__invoice_items') }}
),

invoices as (
    select
        *,
        {{ month_start('finalized_at') }} as month
    from {{ ref('fct_invoices') }}
    where status <> 'void'
),

invoice_lines as (
    select invoice_lines.*
    from {{ ref('fct_invoice_lines') }} as invoice_lines
    inner join invoices
        on invoice_lines.invoice_id = invoices.invoice_id
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

first_invoice as (
    -- of the time before invoices were collected nothing can be said
    select min(month) as first_month
    from invoices
),

months_to_tie as (
    select distinct
        fx_rates.month,
        cast({{ add_months_to('fx_rates.month', 1) }} as timestamp) as month_ends_at
    from fx_rates
    cross join as_of
    cross join first_invoice
    where
        fx_rates.month >= first_invoice.first_month
        and cast({{ add_months_to('fx_rates.month', 1) }} as timestamp) <= as_of.as_of_at
),

-- what an invoice says beside its full periods of recurring items
lines_by_invoice as (
    select
        invoice_id,
        sum(case when line_type = 'recurring' and is_proration then net_amount_cents else 0 end) as proration_cents,
        sum(case when line_type = 'one_time' then net_amount_cents else 0 end) as one_time_cents,
        sum(case when line_type = 'metered' then net_amount_cents else 0 end) as usage_cents,
        sum(net_amount_cents) as lines_cents
    from invoice_lines
    group by invoice_id
),

-- an item that counted when the month closed is invoiced for that moment, by whatever invoice
items_covered as (
    select distinct
        close_items.month,
        close_items.item_key
    from close_items
    inner join invoice_lines
        on close_items.source_id = invoice_lines.subscription_id
    where
        close_items.source = 'subscription'
        and invoice_lines.line_type = 'recurring'
        -- a credit for unused time bills nothing
        and invoice_lines.amount_cents >= 0
        and invoice_lines.service_start_at < cast({{ add_months_to('close_items.month', 1) }} as timestamp)
        and invoice_lines.service_end_at
        >= cast({{ add_days(add_months_to('close_items.month', 1), -1 * var('tie_out_grace_days', 1)) }} as timestamp)
),

gathered as (
    -- the invoices, as far as they are not periods of recurring items
    select
        invoices.account_id,
        invoices.month,
        invoices.currency,
        invoices.total_cents as invoiced_cents,
        coalesce(lines_by_invoice.proration_cents, 0) as proration_cents,
        coalesce(lines_by_invoice.one_time_cents, 0) as one_time_cents,
        coalesce(lines_by_invoice.usage_cents, 0) as usage_cents,
        invoices.tax_cents,
        0 as timing_cents,
        0 as discount_once_cents,
        0 as rounding_cents,
        -- a total that is not that of its lines
        invoices.total_cents - invoices.tax_cents - coalesce(lines_by_invoice.lines_cents, 0) as unexplained_cents,
        cast(0 as decimal(18, 3)) as contract_native,
        cast(0 as decimal(18, 3)) as timing_native,
        cast(0 as decimal(18, 3)) as unexplained_native,
        1 as count_invoices
    from invoices
    left join lines_by_invoice
        on invoices.invoice_id = lines_by_invoice.invoice_id

    union all

    -- a bill is for an interval, MRR for a month: what was to be billed is timing, what was billed
    -- otherwise is not explained by it
    select
        account_id,
        month,
        currency,
        0 as invoiced_cents,
        proration_cents,
        0 as one_time_cents,
        0 as usage_cents,
        0 as tax_cents,
        expected_cents as timing_cents,
        once_discount_cents as discount_once_cents,
        rounding_cents,
        unexplained_cents,
        cast(0 as decimal(18, 3)) as contract_native,
        cast(0 as decimal(18, 3)) as timing_native,
        cast(0 as decimal(18, 3)) as unexplained_native,
        0 as count_invoices
    from invoice_items

    union all

    -- the MRR itself, with the sign it has in the difference
    select
        close_items.account_id,
        close_items.month,
        close_items.currency,
        0 as invoiced_cents,
        0 as proration_cents,
        0 as one_time_cents,
        0 as usage_cents,
        0 as tax_cents,
        0 as timing_cents,
        0 as discount_once_cents,
        0 as rounding_cents,
        0 as unexplained_cents,
        case when close_items.source = 'contract' then -close_items.mrr_native else 0 end as contract_native,
        case
            when close_items.source = 'subscription' and items_covered.item_key is not null then -close_items.mrr_native
            else 0
        end as timing_native,
        case
            when close_items.source = 'subscription' and items_covered.item_key is null then -close_items.mrr_native
            else 0
        end as unexplained_native,
        0 as count_invoices
    from close_items
    left join items_covered
        on
            close_items.month = items_covered.month
            and close_items.item_key = items_covered.item_key
),

summed_by_currency as (
    select
        gathered.account_id,
        gathered.month,
        gathered.currency,
        fx_rates.rate,
        {%- for class in ['invoiced', 'proration', 'one_time', 'usage', 'tax', 'discount_once', 'rounding'] %}
        cast(sum(gathered.{{ class }}_cents) as decimal(18, 0)) / coalesce(max(minor_units.minor_units), 100) as {{ class }}_native,
        {%- endfor %}
        sum(gathered.contract_native) as contract_native,
        {%- for class in ['timing', 'unexplained'] %}
        cast(sum(gathered.{{ class }}_cents) as decimal(18, 0)) / coalesce(max(minor_units.minor_units), 100)
        + sum(gathered.{{ class }}_native) as {{ class }}_native,
        {%- endfor %}
        sum(gathered.count_invoices) as count_invoices
    from gathered
    inner join months_to_tie
        on gathered.month = months_to_tie.month
    inner join fx_rates
        on
            gathered.currency = fx_rates.currency
            and gathered.month = fx_rates.month
    left join minor_units
        on gathered.currency = minor_units.currency
    group by 1, 2, 3, 4
),

exchanged as (
    select
        account_id,
        month,
        {%- for class in ['invoiced'] + classes %}
        sum({{ round_money(at_rate(class ~ '_native', 'rate')) }}) as {{ class }}_amount,
        {%- endfor %}
        sum(count_invoices) as count_invoices,
        count(*) as count_currencies
    from summed_by_currency
    group by 1, 2
),

tied as (
    select
        exchanged.*,
        coalesce(mrr_months.closing_mrr, 0) as mrr,
        exchanged.invoiced_amount - coalesce(mrr_months.closing_mrr, 0) as difference
    from exchanged
    left join mrr_months
        on
            exchanged.account_id = mrr_months.account_id
            and exchanged.month = mrr_months.month
),

left_over as (
    select
        *,
        difference
        {%- for class in classes %}
        - {{ class }}_amount
        {%- endfor %} as left_over_amount,
        -- every class of every currency is exchanged by itself, which can lose half a cent each
        0.005 * {{ classes | length + 1 }} * count_currencies as lost_in_exchange
    from tied
),

final as (
    select
        -- keys
        account_id,
        month,
        -- measures
        cast(mrr as decimal(18, 2)) as mrr,
        cast(invoiced_amount as decimal(18, 2)) as invoiced_amount,
        cast(difference as decimal(18, 2)) as difference,
        {%- for class in classes if class not in ('rounding', 'unexplained') %}
        cast({{ class }}_amount as decimal(18, 2)) as {{ class }}_amount,
        {%- endfor %}
        cast(
            rounding_amount + case when abs(left_over_amount) <= lost_in_exchange then left_over_amount else 0 end
            as decimal(18, 2)
        ) as rounding_amount,
        cast(
            unexplained_amount + case when abs(left_over_amount) > lost_in_exchange then left_over_amount else 0 end
            as decimal(18, 2)
        ) as unexplained_amount,
        cast(mrr * {{ var('tie_out_unexplained_share', 0.005) }} as decimal(18, 4)) as tolerated_amount,
        cast(count_invoices as bigint) as count_invoices
    from left_over
)

select * from final
