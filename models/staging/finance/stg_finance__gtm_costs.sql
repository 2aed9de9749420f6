with

gtm_costs as (
    select * from {{ source('raw', 'gtm_costs') }}
),

newest_file as (
    select *
    from gtm_costs
    qualify dense_rank() over (
        partition by {{ month_start('month') }}, lower(trim(kind)) order by load_id desc, file_id desc
    ) = 1
),

final as (
    select
        {{ month_start('month') }} as month,
        lower(trim(kind)) as cost_kind,
        sum(amount) as amount
    from newest_file
    group by 1, 2
)

select * from final
