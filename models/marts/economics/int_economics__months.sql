with

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

marketing_spend as (
    select * from {{ ref('fct_marketing_spend') }}
),

gtm_costs as (
    select * from {{ ref('fct_gtm_costs') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

first_months as (
    select min(month) as month
    from mrr_months

    union all

    select min({{ month_start('spend_date') }}) as month
    from marketing_spend

    union all

    select min(month) as month
    from gtm_costs

    union all

    select min({{ month_start('signed_up_at') }}) as month
    from people
),

month_range as (
    select
        min(first_months.month) as first_month,
        {{ month_start("max(as_of.as_of_at) - interval '1' microsecond") }} as last_month
    from first_months
    cross join as_of
),

months as (
    select {{ month_spine('first_month', 'last_month') }} as month
    from month_range
),

final as (
    select
        months.month,
        {{ add_months_to('months.month', 1) }} as next_month,
        {{ add_months_to('months.month', 1) }} <= as_of.as_of_at as is_complete
    from months
    cross join as_of
)

select * from final
