with

object_states as (
    select * from {{ ref('base_stripe__object_states') }}
    where object_type = 'price'
),

subscription_snapshots as (
    select * from {{ ref('base_stripe__subscription_snapshots') }}
),

items_exploded as (
    select
        effective_at,
        {{ json_array_explode('snapshot.items.data') }}
    from subscription_snapshots
),

states as (
    select
        object_id as price_id,
        {{ json_struct('object', stripe_price_shape()) }} as price,
        known_at,
        load_id,
        line_number
    from object_states

    union all

    -- tiers are in a subscription only where the account asks Stripe to expand them
    select
        element.price.id as price_id,
        element.price as price,
        effective_at as known_at,
        cast(0 as bigint) as load_id,
        position as line_number
    from items_exploded
    where element.price.tiers is not null
),

final as (
    select
        price_id,
        price
    from states
    where price_id is not null
    -- a state with the tiers tells more than a newer one without: tiers never change
    qualify row_number() over (
        partition by price_id
        order by case when price.tiers is null then 1 else 0 end, known_at desc, load_id desc, line_number desc
    ) = 1
)

select * from final
