with

pipeline_clock as (
    select * from {{ source('raw', 'pipeline_clock') }}
),

final as (
    select
        as_of_at,
        cast(as_of_at as date) as as_of_date,
        reporting_currency,
        timezone
    from pipeline_clock
)

select * from final
