{#- A period ends where one of these changes. -#}
{%- set constant = [
    'price_id', 'quantity', 'list_mrr_cents', 'discounted_mrr_cents', 'forever_mrr_cents', 'once_mrr_cents',
    'mrr_cents', 'status', 'counts_as_mrr', 'is_payment_loss', 'is_collection_paused', 'is_churn_scheduled',
    'cancel_requested_at', 'cancel_at', 'past_due_since',
] -%}

with

item_states as (
    select * from {{ ref('int_core__item_states') }}
),

products as (
    select * from {{ ref('int_core__product_plans') }}
),

changes_marked as (
    -- many events change nothing of the price, quantity, discount or status of an item
    select
        *,
        case
            when
                valid_from = lag(valid_to) over item_history
                {%- for column in constant %}
                and {{ column }} is not distinct from lag({{ column }}) over item_history
                {%- endfor %}
                then 0
            else 1
        end as is_change
    from item_states
    window item_history as (partition by subscription_id, item_id order by valid_from)
),

periods_numbered as (
    select
        *,
        sum(is_change) over (
            partition by subscription_id, item_id
            order by valid_from
            rows between unbounded preceding and current row
        ) as period_number
    from changes_marked
),

period_ends as (
    select
        subscription_id,
        item_id,
        period_number,
        case when count(valid_to) = count(*) then max(valid_to) end as period_valid_to,
        max(current_period_started_at) as newest_period_started_at,
        max(current_period_ends_at) as newest_period_ends_at
    from periods_numbered
    group by 1, 2, 3
),

final as (
    select
        -- keys
        periods_numbered.account_id,
        periods_numbered.customer_id,
        periods_numbered.subscription_id,
        periods_numbered.item_id,
        periods_numbered.price_id,
        periods_numbered.product_id,
        products.plan_key,
        periods_numbered.event_id,
        -- attributes
        periods_numbered.status,
        periods_numbered.counts_as_mrr,
        periods_numbered.is_trial,
        periods_numbered.is_payment_loss,
        periods_numbered.is_collection_paused,
        periods_numbered.is_churn_scheduled,
        periods_numbered.is_metered,
        periods_numbered.billing_interval,
        cast(periods_numbered.interval_count as integer) as interval_count,
        periods_numbered.currency,
        periods_numbered.known_in_load,
        -- measures
        periods_numbered.quantity,
        periods_numbered.unit_amount_cents,
        periods_numbered.list_mrr_cents,
        periods_numbered.discounted_mrr_cents,
        periods_numbered.forever_mrr_cents,
        periods_numbered.once_mrr_cents,
        periods_numbered.mrr_cents,
        periods_numbered.unrounded_list_mrr_cents,
        periods_numbered.unrounded_mrr_cents,
        -- times
        periods_numbered.valid_from,
        period_ends.period_valid_to as valid_to,
        periods_numbered.cancel_at,
        periods_numbered.cancel_requested_at,
        periods_numbered.past_due_since,
        period_ends.newest_period_started_at as current_period_started_at,
        period_ends.newest_period_ends_at as current_period_ends_at,
        periods_numbered.event_created_at,
        periods_numbered.known_at
    from periods_numbered
    inner join period_ends
        on
            periods_numbered.subscription_id = period_ends.subscription_id
            and periods_numbered.item_id = period_ends.item_id
            and periods_numbered.period_number = period_ends.period_number
    left join products
        on periods_numbered.product_id = products.product_id
    where periods_numbered.is_change = 1
)

select * from final
