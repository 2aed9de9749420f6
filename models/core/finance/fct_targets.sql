with

targets as (
    select * from {{ ref('stg_finance__targets') }}
),

final as (
    select
        month,
        metric,
        target
    from targets
)

select * from final
