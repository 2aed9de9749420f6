with

deliveries as (
    select * from {{ ref('stg_syncs__deliveries') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

final as (
    -- the ledger has no past: looked at from an earlier day, it must not tell what came after
    select
        deliveries.sync_name,
        deliveries.subject,
        deliveries.destination,
        deliveries.record_key,
        deliveries.delivered_at
    from deliveries
    cross join as_of
    where deliveries.delivered_at <= as_of.as_of_at
)

select * from final
