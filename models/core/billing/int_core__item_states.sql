{#- The ways to count discounts, as in int_core__discounts_running. -#}
{%- set sets = ['default', 'forever', 'with_once'] -%}

with

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

item_amounts as (
    select * from {{ ref('int_core__item_amounts') }}
),

item_period_amounts as (
    select * from {{ ref('int_core__item_period_amounts') }}
),

subscription_accounts as (
    select * from {{ ref('int_core__subscription_accounts') }}
),

internal_accounts as (
    select * from {{ ref('int_core__internal_accounts') }}
),

billing_intervals as (
    select * from {{ ref('billing_intervals') }}
),

subscriptions_counted as (
    select subscription_accounts.*
    from subscription_accounts
    left join internal_accounts
        on subscription_accounts.account_id = internal_accounts.account_id
    where internal_accounts.account_id is null
),

months_of_intervals as (
    -- what is bought once is no recurring revenue; NULL: the price is not known
    select
        item_period_amounts.event_id,
        item_period_amounts.item_id,
        item_period_amounts.valid_from,
        item_period_amounts.is_discounted,
        case
            when item_amounts.billing_interval is null then cast(0 as bigint)
            else {{ month_of_interval(
                'item_period_amounts.interval_amount_cents', 'billing_intervals.intervals_per_year',
                'item_amounts.interval_count', 'item_amounts.inclusive_tax_pct'
            ) }}
        end as list_mrr_cents,
        -- causes are weighed before anything is rounded
        {{ month_of_interval_unrounded(
            'item_period_amounts.interval_amount_cents', 'billing_intervals.intervals_per_year',
            'item_amounts.interval_count', 'item_amounts.inclusive_tax_pct'
        ) }} as unrounded_list_mrr_cents,
        {{ month_of_interval_unrounded(
            'item_period_amounts.net_default_cents', 'billing_intervals.intervals_per_year',
            'item_amounts.interval_count', 'item_amounts.inclusive_tax_pct'
        ) }} as unrounded_mrr_cents,
    {% for key in sets %}
    case
        when item_amounts.billing_interval is null then cast(0 as bigint)
        when item_period_amounts.is_discounted
            then {{ month_of_interval(
                    'item_period_amounts.net_' ~ key ~ '_cents', 'billing_intervals.intervals_per_year',
                    'item_amounts.interval_count', 'item_amounts.inclusive_tax_pct'
                ) }}
    end as {{ key }}_mrr_cents{{ "," if not loop.last }}
    {% endfor %}
    from item_period_amounts
    inner join item_amounts
        on
            item_period_amounts.event_id = item_amounts.event_id
            and item_period_amounts.item_id = item_amounts.item_id
    left join billing_intervals
        on item_amounts.billing_interval = billing_intervals.billing_interval
),

months_discounted as (
    select
        *,
        case when is_discounted then default_mrr_cents else list_mrr_cents end as discounted_mrr_cents
    from months_of_intervals
),

final as (
    select
        -- keys
        subscriptions_counted.account_id,
        subscriptions_counted.customer_id,
        subscription_periods.subscription_id,
        subscription_periods.event_id,
        item_amounts.item_id,
        item_amounts.price_id,
        item_amounts.product_id,
        -- attributes
        subscription_periods.event_rank,
        subscription_periods.status,
        subscription_periods.counts_as_mrr,
        subscription_periods.is_trial,
        subscription_periods.is_payment_loss,
        subscription_periods.is_collection_paused,
        subscription_periods.is_churn_scheduled,
        item_amounts.is_metered,
        item_amounts.billing_interval,
        item_amounts.interval_count,
        item_amounts.currency,
        subscription_periods.known_in_load,
        -- measures
        item_amounts.quantity,
        item_amounts.unit_amount_cents,
        months_discounted.list_mrr_cents,
        months_discounted.discounted_mrr_cents,
        case
            when months_discounted.is_discounted then months_discounted.forever_mrr_cents
            else months_discounted.list_mrr_cents
        end as forever_mrr_cents,
        case
            when months_discounted.is_discounted then months_discounted.with_once_mrr_cents
            else months_discounted.list_mrr_cents
        end as once_mrr_cents,
        case
            when subscription_periods.counts_as_mrr then months_discounted.discounted_mrr_cents else cast(0 as bigint)
        end as mrr_cents,
        months_discounted.unrounded_list_mrr_cents,
        months_discounted.unrounded_mrr_cents,
        -- times
        subscription_periods.effective_at,
        subscription_periods.valid_from,
        subscription_periods.valid_to,
        subscription_periods.scheduled_end_at as cancel_at,
        subscription_periods.cancel_requested_at,
        subscription_periods.past_due_since,
        subscription_periods.current_period_started_at,
        subscription_periods.current_period_ends_at,
        subscription_periods.event_created_at,
        subscription_periods.known_at
    from subscription_periods
    inner join subscriptions_counted
        on subscription_periods.subscription_id = subscriptions_counted.subscription_id
    inner join item_amounts
        on subscription_periods.event_id = item_amounts.event_id
    inner join months_discounted
        on
            subscription_periods.event_id = months_discounted.event_id
            and subscription_periods.valid_from = months_discounted.valid_from
            and item_amounts.item_id = months_discounted.item_id
)

select * from final
