with

invoices as (
    select * from {{ ref('fct_invoices') }}
),

invoice_lines as (
    select * from {{ ref('stg_stripe__invoice_lines') }}
),

prices as (
    select * from {{ ref('stg_stripe__prices') }}
),

item_amounts as (
    select * from {{ ref('int_core__item_amounts') }}
),

products as (
    select * from {{ ref('int_core__product_plans') }}
),

prices_of_items as (
    select
        price_id,
        bool_or(is_metered) as is_metered
    from item_amounts
    where price_id is not null
    group by price_id
),

listed_lines as (
    select
        invoice_lines.*,
        -- API versions before 2017 give a line its subscription's id, on every invoice
        case
            when
                invoice_lines.invoice_line_id is null
                or invoice_lines.invoice_line_id like 'sub\_%' escape '\'
                or row_number() over (
                    partition by invoice_lines.invoice_line_id
                    order by invoices.created_at, invoices.invoice_id, invoice_lines.line_position
                ) > 1
                then
                    invoices.invoice_id || '/' || coalesce(invoice_lines.invoice_line_id || '/', '')
                    || cast(invoice_lines.line_position as varchar)
            else invoice_lines.invoice_line_id
        end as line_key,
        coalesce(invoice_lines.subscription_id, invoices.subscription_id) as line_subscription_id,
        invoices.discount_cents as invoice_discount_cents,
        sum(invoice_lines.discount_cents) over (partition by invoice_lines.invoice_id) as listed_discount_cents,
        sum(greatest(invoice_lines.amount_cents, 0)) over (
            partition by invoice_lines.invoice_id
        ) as charged_cents,
        sum(greatest(invoice_lines.amount_cents, 0)) over (
            partition by invoice_lines.invoice_id
            order by invoice_lines.line_position
            rows between unbounded preceding and current row
        ) as charged_so_far_cents
    from invoice_lines
    inner join invoices
        on invoice_lines.invoice_id = invoices.invoice_id
),

lines_discounted as (
    -- a discount that is not listed by line is shared among what is charged
    select
        *,
        case
            when listed_discount_cents > 0 or invoice_discount_cents <= 0 or charged_cents <= 0 then discount_cents
            else
                {{ money_share('invoice_discount_cents', 'charged_so_far_cents', 'greatest(charged_cents, 1)') }}
                - {{ money_share(
                    'invoice_discount_cents',
                    '(charged_so_far_cents - greatest(amount_cents, 0))',
                    'greatest(charged_cents, 1)'
                ) }}
        end as line_discount_cents
    from listed_lines
),

lines_valued as (
    select
        *,
        amount_cents - line_discount_cents - inclusive_tax_cents as net_amount_cents
    from lines_discounted
),

listed_totals as (
    select
        invoice_id,
        bool_and(is_invoice_complete) as is_complete,
        sum(net_amount_cents) as net_amount_cents
    from lines_valued
    group by invoice_id
),

unlisted as (
    -- an event lists ten lines at most: the money of the others is one line until a pull lists them
    select
        invoices.invoice_id,
        cast(
            invoices.total_cents - invoices.tax_cents - coalesce(listed_totals.net_amount_cents, 0) as bigint
        ) as net_amount_cents
    from invoices
    left join listed_totals
        on invoices.invoice_id = listed_totals.invoice_id
    where
        not coalesce(listed_totals.is_complete, false)
        and invoices.total_cents - invoices.tax_cents <> coalesce(listed_totals.net_amount_cents, 0)
),

lines_gathered as (
    select
        lines_valued.line_key as invoice_line_id,
        lines_valued.invoice_id,
        lines_valued.line_position,
        lines_valued.line_subscription_id as subscription_id,
        lines_valued.subscription_item_id as item_id,
        lines_valued.price_id,
        coalesce(lines_valued.product_id, prices.product_id) as product_id,
        case
            when coalesce(lines_valued.usage_type = 'metered', prices.is_metered, prices_of_items.is_metered, false)
                then 'metered'
            when
                lines_valued.line_type = 'subscription'
                or lines_valued.is_proration
                or lines_valued.price_type = 'recurring'
                or prices.billing_interval is not null
                then 'recurring'
            else 'one_time'
        end as line_type,
        lines_valued.is_proration,
        lines_valued.quantity,
        coalesce(lines_valued.amount_cents, 0) as amount_cents,
        lines_valued.line_discount_cents as discount_cents,
        coalesce(lines_valued.net_amount_cents, 0) as net_amount_cents,
        lines_valued.period_started_at,
        lines_valued.period_ended_at,
        lines_valued.description,
        lines_valued.currency,
        true as is_listed
    from lines_valued
    left join prices
        on lines_valued.price_id = prices.price_id
    left join prices_of_items
        on lines_valued.price_id = prices_of_items.price_id

    union all

    select
        unlisted.invoice_id || '/unlisted' as invoice_line_id,
        unlisted.invoice_id,
        cast(null as bigint) as line_position,
        invoices.subscription_id,
        cast(null as varchar) as item_id,
        cast(null as varchar) as price_id,
        cast(null as varchar) as product_id,
        case when invoices.subscription_id is null then 'one_time' else 'recurring' end as line_type,
        false as is_proration,
        cast(null as bigint) as quantity,
        unlisted.net_amount_cents as amount_cents,
        cast(0 as bigint) as discount_cents,
        unlisted.net_amount_cents,
        invoices.period_start_at as period_started_at,
        invoices.period_end_at as period_ended_at,
        'Lines not listed' as description,
        invoices.currency,
        false as is_listed
    from unlisted
    inner join invoices
        on unlisted.invoice_id = invoices.invoice_id
),

final as (
    select
        -- keys
        lines_gathered.invoice_line_id,
        lines_gathered.invoice_id,
        invoices.account_id,
        invoices.customer_id,
        lines_gathered.subscription_id,
        lines_gathered.item_id,
        lines_gathered.price_id,
        lines_gathered.product_id,
        products.plan_key,
        lines_gathered.line_position,
        -- attributes
        lines_gathered.line_type,
        lines_gathered.is_proration,
        lines_gathered.is_listed,
        coalesce(lines_gathered.currency, invoices.currency) as currency,
        lines_gathered.description,
        -- measures
        lines_gathered.quantity,
        lines_gathered.amount_cents,
        lines_gathered.discount_cents,
        lines_gathered.net_amount_cents,
        -- times
        coalesce(lines_gathered.period_started_at, invoices.finalized_at) as service_start_at,
        coalesce(lines_gathered.period_ended_at, lines_gathered.period_started_at, invoices.finalized_at) as service_end_at,
        invoices.created_at
    from lines_gathered
    inner join invoices
        on lines_gathered.invoice_id = invoices.invoice_id
    left join products
        on lines_gathered.product_id = products.product_id
)

select * from final
