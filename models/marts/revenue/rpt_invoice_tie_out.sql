{%- set classes = ['contract', 'void', 'pause', 'timing', 'proration', 'one_time', 'usage', 'discount_once', 'tax', 'rounding', 'unexplained'] -%}

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

subscription_item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

lines_that_bill as (
    -- a credit for unused time bills nothing
    select
        all_lines.subscription_id,
        all_lines.service_start_at,
        all_lines.service_end_at,
        all_invoices.status,
        all_invoices.voided_at
    from {{ ref('fct_invoice_lines') }} as all_lines
    inner join {{ ref('fct_invoices') }} as all_invoices
        on all_lines.invoice_id = all_invoices.invoice_id
    where
        all_lines.line_type = 'recurring'
        and all_lines.amount_cents >= 0
),

items_held as (
    select
        *,
        cast({{ add_months_to('month', 1) }} as timestamp) as month_ends_at
    from close_items
    where source = 'subscription'
),

-- an item that counted when the month closed is invoiced for that moment, by whatever invoice
items_covered as (
    select
        items_held.month,
        items_held.item_key,
        bool_or(
            lines_that_bill.status <> 'void'
            and lines_that_bill.service_end_at
            >= {{ add_hours('items_held.month_ends_at', -24 * var('tie_out_grace_days')) }}
        ) as is_covered,
        -- it was invoiced when the month closed, and given up later
        bool_or(
            lines_that_bill.status = 'void'
            and lines_that_bill.voided_at >= items_held.month_ends_at
            and lines_that_bill.service_end_at
            >= {{ add_hours('items_held.month_ends_at', -24 * var('tie_out_grace_days')) }}
        ) as is_covered_by_void,
        max(case when lines_that_bill.status <> 'void' then lines_that_bill.service_end_at end) as covered_until_at
    from items_held
    inner join lines_that_bill
        on
            items_held.source_id = lines_that_bill.subscription_id
            and items_held.month_ends_at > lines_that_bill.service_start_at
    group by 1, 2
),

-- the next bill fell in a pause of collection: it was never written
items_paused as (
    select distinct
        items_covered.month,
        items_covered.item_key
    from items_covered
    inner join items_held
        on
            items_covered.month = items_held.month
            and items_covered.item_key = items_held.item_key
    inner join subscription_item_periods
        on
            items_held.source_id = subscription_item_periods.subscription_id
            and {{ add_hours('items_covered.covered_until_at', 24 * var('tie_out_grace_days')) }}
            >= subscription_item_periods.valid_from
            and coalesce(items_covered.covered_until_at < subscription_item_periods.valid_to, true)
    where
        not items_covered.is_covered
        and subscription_item_periods.is_collection_paused
),

mrr_classed as (
    select
        close_items.account_id,
        close_items.month,
        close_items.currency,
        close_items.mrr_native,
        case
            when close_items.source = 'contract' then 'contract'
            when items_covered.is_covered then 'timing'
            when items_covered.is_covered_by_void then 'void'
            when items_paused.item_key is not null then 'pause'
            else 'unexplained'
        end as class
    from close_items
    left join items_covered
        on
            close_items.month = items_covered.month
            and close_items.item_key = items_covered.item_key
    left join items_paused
        on
            close_items.month = items_paused.month
            and close_items.item_key = items_paused.item_key
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
        cast(0 as decimal(18, 3)) as void_native,
        cast(0 as decimal(18, 3)) as pause_native,
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
        cast(0 as decimal(18, 3)) as void_native,
        cast(0 as decimal(18, 3)) as pause_native,
        cast(0 as decimal(18, 3)) as timing_native,
        cast(0 as decimal(18, 3)) as unexplained_native,
        0 as count_invoices
    from invoice_items

    union all

    -- the MRR itself, with the sign it has in the difference
    select
        account_id,
        month,
        currency,
        0 as invoiced_cents,
        0 as proration_cents,
        0 as one_time_cents,
        0 as usage_cents,
        0 as tax_cents,
        0 as timing_cents,
        0 as discount_once_cents,
        0 as rounding_cents,
        0 as unexplained_cents,
        {%- for class in ['contract', 'void', 'pause', 'timing', 'unexplained'] %}
        case when class = '{{ class }}' then -mrr_native else 0 end as {{ class }}_native,
        {%- endfor %}
        0 as count_invoices
    from mrr_classed
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
        {%- for class in ['contract', 'void', 'pause'] %}
        sum(gathered.{{ class }}_native) as {{ class }}_native,
        {%- endfor %}
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
        cast(mrr * {{ var('tie_out_unexplained_share') }} as decimal(18, 4)) as tolerated_amount,
        cast(count_invoices as bigint) as count_invoices
    from left_over
)

select * from final
