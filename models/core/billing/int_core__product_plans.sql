with

items as (
    select * from {{ ref('stg_stripe__subscription_items') }}
),

products as (
    select * from {{ ref('stg_stripe__products') }}
),

plans as (
    select * from {{ ref('plans') }}
),

products_sold as (
    select distinct product_id
    from items
    where product_id is not null
),

final as (
    -- a product missing in the plans seed is its own plan, under the name Stripe has for it
    select
        products_sold.product_id,
        coalesce(
            plans.plan_key,
            nullif(products.metadata_plan_key, ''),
            nullif({{ snake_case('products.product_name') }}, ''),
            products_sold.product_id
        ) as plan_key,
        plans.plan_key is not null as is_in_seed
    from products_sold
    left join plans
        on products_sold.product_id = plans.stripe_product_id
    left join products
        on products_sold.product_id = products.product_id
)

select * from final
