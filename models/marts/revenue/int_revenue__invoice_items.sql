with

invoices as (
    select * from {{ ref('fct_invoices') }}
    where status <> 'void'
),

invoice_lines as (
    select * from {{ ref('fct_invoice_lines') }}
),

item_periods as (
    select
        *,
        subscription_id || '/' || item_id as item_key
    from {{ ref('fct_subscription_item_periods') }}
),

billing_intervals as (
    select * from {{ ref('billing_intervals') }}
),

-- a price in tiers is a line a tier: what an invoice asks for one item and period is their sum
billed as (
    select
        invoice_lines.invoice_id,
        invoice_lines.subscription_id,
        invoice_lines.subscription_id || '/' || invoice_lines.item_id as item_key,
        invoice_lines.service_start_at,
        invoice_lines.service_end_at,
        max(invoice_lines.price_id) as price_id,
        invoices.account_id,
        invoices.currency,
        invoices.created_at as invoice_created_at,
        {{ month_start('invoices.finalized_at') }} as month,
        -- MRR is without tax, also where the price includes it
        sum(invoice_lines.net_amount_cents + invoice_lines.discount_cents) as amount_cents,
        sum(invoice_lines.discount_cents) as discount_cents
    from invoice_lines
    inner join invoices
        on invoice_lines.invoice_id = invoices.invoice_id
    where
        invoice_lines.line_type = 'recurring'
        and not invoice_lines.is_proration
    group by 1, 2, 3, 4, 5, 7, 8, 9, 10
),

bills_counted as (
    -- one period of one price is billed once
    select
        *,
        row_number() over (
            partition by subscription_id, item_key, price_id, service_start_at
            order by invoice_created_at, invoice_id, service_end_at
        ) > 1 as is_billed_again
    from billed
),

-- what the subscription was when the invoice was made; the two are written within moments of each
-- other, in either order, so a state of the line's own price goes before one of another
states_matched as (
    select
        bills_counted.*,
        item_periods.is_trial,
        -- a subscription that had ended has nothing to bill for
        coalesce(
            item_periods.status in ('canceled', 'incomplete_expired')
            and item_periods.valid_from < bills_counted.service_start_at, false
        ) as has_ended,
        item_periods.list_mrr_cents,
        item_periods.discounted_mrr_cents,
        -- how many months one bill is for
        cast(item_periods.interval_count as double) * 12 / billing_intervals.intervals_per_year as interval_months
    from bills_counted
    left join item_periods
        on
            bills_counted.item_key = item_periods.item_key
            and cast({{ add_days('bills_counted.invoice_created_at', 2) }} as timestamp) > item_periods.valid_from
            and coalesce(
                cast({{ add_days('bills_counted.invoice_created_at', -1) }} as timestamp) < item_periods.valid_to, true
            )
    left join billing_intervals
        on item_periods.billing_interval = billing_intervals.billing_interval
    qualify row_number() over (
        partition by bills_counted.invoice_id, bills_counted.subscription_id, bills_counted.item_key, bills_counted.service_start_at, bills_counted.service_end_at
        order by
            case when bills_counted.price_id = item_periods.price_id then 0 else 1 end,
            case
                when
                    bills_counted.invoice_created_at >= item_periods.valid_from
                    and coalesce(bills_counted.invoice_created_at < item_periods.valid_to, true)
                    then 0
                else 1
            end,
            abs({{ minutes_between('item_periods.valid_from', 'bills_counted.invoice_created_at') }}),
            item_periods.valid_from desc
    ) = 1
),

expectations as (
    select
        *,
        amount_cents - discount_cents as billed_cents,
        -- a period much shorter than the interval is the rest of one: the first, to the billing day
        service_end_at > service_start_at
        and {{ minutes_between('service_start_at', 'service_end_at') }}
        < {{ var('tie_out_full_period_share') }} * interval_months * 60 * 24 * 365 / 12 as is_part_of_period,
        case
            when is_billed_again or has_ended or (is_trial and amount_cents = 0) then cast(0 as bigint)
            else cast(round(list_mrr_cents * interval_months) as bigint)
        end as expected_list_cents,
        case
            when is_billed_again or has_ended or (is_trial and amount_cents = 0) then cast(0 as bigint)
            else cast(round(discounted_mrr_cents * interval_months) as bigint)
        end as expected_cents,
        -- MRR is whole cents: of a year twelve times half a cent can be lost
        cast(ceil(interval_months / 2 + 0.5) as bigint) as tolerance_cents
    from states_matched
),

differences as (
    select
        *,
        billed_cents - coalesce(expected_cents, 0) as difference_cents,
        -- taken off beyond what lowers the recurring revenue: a once coupon
        greatest(discount_cents - (expected_list_cents - expected_cents), 0) as further_discount_cents
    from expectations
),

final as (
    select
        -- keys
        invoice_id,
        item_key,
        service_start_at,
        service_end_at,
        subscription_id,
        account_id,
        month,
        -- attributes
        currency,
        coalesce(is_part_of_period, false) as is_part_of_period,
        -- measures
        cast(billed_cents as bigint) as billed_cents,
        cast(case when is_part_of_period then 0 else coalesce(expected_cents, 0) end as bigint) as expected_cents,
        cast(case when is_part_of_period then billed_cents else 0 end as bigint) as proration_cents,
        cast(
            case
                when is_part_of_period or expected_cents is null or abs(difference_cents) <= tolerance_cents then 0
                when further_discount_cents > tolerance_cents then -further_discount_cents
                else 0
            end as bigint
        ) as once_discount_cents,
        cast(
            case
                when is_part_of_period then 0
                when abs(difference_cents) <= tolerance_cents then difference_cents
                when
                    further_discount_cents > tolerance_cents
                    and abs(difference_cents + further_discount_cents) <= tolerance_cents
                    then difference_cents + further_discount_cents
                else 0
            end as bigint
        ) as rounding_cents,
        cast(
            case
                when is_part_of_period or abs(difference_cents) <= tolerance_cents then 0
                when expected_cents is null then billed_cents
                when further_discount_cents > tolerance_cents
                    then
                        case
                            when abs(difference_cents + further_discount_cents) <= tolerance_cents then 0
                            else difference_cents + further_discount_cents
                        end
                else difference_cents
            end as bigint
        ) as unexplained_cents
    from differences
)

select * from final
