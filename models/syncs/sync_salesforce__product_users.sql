with

product_users as (
    select * from {{ ref('int_syncs__product_users') }}
),

final as (
    select
        record_key,
        account_id,
        name,
        email,
        signed_up_at,
        activated_at,
        last_seen_at,
        active_days_28d,
        count_events_28d
    from product_users
)

select * from final
