with

object_states as (
    select * from {{ ref('base_stripe__object_states') }}
    where object_type in ('customer', 'discount')
),

customers_told as (
    select
        object_id as customer_id,
        {{ json_text('object', 'discount') }} as discount,
        -- versions of the API before 2020 give discounts no id
        coalesce({{ json_text('object', 'discount.id') }}, 'from ' || {{ json_text('object', 'discount.start') }})
            as discount_id,
        known_at
    from object_states
    where object_type = 'customer'
),

discounts_told as (
    -- a discount of a customer names no subscription, and no invoice
    select
        {{ stripe_id(json_text('object', 'customer')) }} as customer_id,
        object as discount,
        object_id as discount_id,
        is_deleted,
        known_at
    from object_states
    where
        object_type = 'discount'
        and {{ json_text('object', 'customer') }} is not null
        and {{ json_text('object', 'subscription') }} is null
        and {{ json_text('object', 'subscription_item') }} is null
        and {{ json_text('object', 'invoice') }} is null
        and {{ json_text('object', 'invoice_item') }} is null
),

gathered as (
    select
        customer_id,
        discount_id,
        discount,
        true as is_in_customer,
        false as is_deleted,
        known_at
    from customers_told
    where discount is not null

    union all

    select
        customer_id,
        discount_id,
        discount,
        false as is_in_customer,
        is_deleted,
        known_at
    from discounts_told
),

discounts_known as (
    select
        customer_id,
        discount_id,
        max(discount) as discount,
        bool_or(is_in_customer) as is_seen_in_customer,
        max(case when is_in_customer then known_at end) as last_seen_at,
        min(case when is_deleted then known_at end) as deleted_at
    from gathered
    group by 1, 2
),

seen_without as (
    -- a customer who was shown with it and then without has lost it, told or not
    select
        discounts_known.customer_id,
        discounts_known.discount_id,
        min(customers_told.known_at) as first_without_at
    from discounts_known
    inner join customers_told
        on
            discounts_known.customer_id = customers_told.customer_id
            and discounts_known.last_seen_at < customers_told.known_at
    where discounts_known.is_seen_in_customer
    group by 1, 2
),

final as (
    select
        -- keys
        discounts_known.customer_id,
        discounts_known.discount_id,
        -- attributes
        discounts_known.discount,
        -- times
        case
            when seen_without.first_without_at < discounts_known.deleted_at then seen_without.first_without_at
            else coalesce(discounts_known.deleted_at, seen_without.first_without_at)
        end as removed_at
    from discounts_known
    left join seen_without
        on
            discounts_known.customer_id = seen_without.customer_id
            and discounts_known.discount_id = seen_without.discount_id
)

select * from final
