with

nrr as (
    select * from {{ ref('rpt_nrr') }}
    where dimension = 'all'
),

final as (
    select
        month,
        window_months,
        nrr,
        grr
    from nrr
)

select * from final
