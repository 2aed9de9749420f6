with

fx_rates as (
    select * from {{ source('raw', 'fx_rates') }}
),

newest as (
    select *
    from fx_rates
    where
        month is not null
        and rate > 0
    qualify row_number() over (
        partition by {{ month_start('month') }}, upper(trim(currency))
        order by load_id desc, file_id desc, line_number desc
    ) = 1
),

final as (
    select
        {{ month_start('month') }} as month,
        upper(trim(currency)) as currency,
        rate
    from newest
)

select * from final
