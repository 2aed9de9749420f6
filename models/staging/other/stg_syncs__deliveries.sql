with

sync_deliveries as (
    select * from {{ source('raw', 'sync_deliveries') }}
),

final as (
    select
        sync_name,
        subject,
        destination,
        record_key,
        delivered_at
    from sync_deliveries
    where delivered_at is not null
)

select * from final
