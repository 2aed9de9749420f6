with

newest_objects as (
    select * from {{ ref('base_stripe__newest_objects') }}
),

final as (
    select
        -- keys
        object_id as coupon_id,
        -- attributes
        {{ json_text('object', 'name') }} as coupon_name,
        {{ json_text('object', 'duration') }} as duration,
        {{ json_number('object', 'duration_in_months', 'bigint') }} as duration_in_months,
        upper({{ json_text('object', 'currency') }}) as currency,
        -- both are sent only to who asks for them
        nullif({{ json_text('object', 'applies_to.products') }}, '[]') as applies_to,
        {{ json_text('object', 'currency_options') }} as currency_options,
        coalesce({{ json_bool('object', 'valid') }}, true) and not is_deleted as is_valid,
        is_deleted,
        -- measures
        {{ json_number('object', 'percent_off', 'decimal(9, 6)') }} as percent_off,
        {{ json_number('object', 'amount_off', 'bigint') }} as amount_off_cents,
        {{ stripe_amount(
            json_number('object', 'amount_off', 'bigint'), json_text('object', 'currency')
        ) }} as amount_off,
        {{ json_number('object', 'times_redeemed', 'bigint') }} as count_redemptions,
        {{ json_number('object', 'max_redemptions', 'bigint') }} as max_redemptions,
        -- times
        {{ epoch_seconds_at(json_number('object', 'created', 'bigint')) }} as created_at,
        {{ epoch_seconds_at(json_number('object', 'redeem_by', 'bigint')) }} as redeemable_until
    from newest_objects
    where object_type = 'coupon'
)

select * from final
