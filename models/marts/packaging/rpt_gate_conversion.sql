with

gate_conversions as (
    select * from {{ ref('fct_gate_conversions') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

gates_matured as (
    select
        gate_conversions.*,
        {{ add_days(add_months_to('gate_conversions.first_met_month', 1), var('gate_upgrade_days')) }}
        <= as_of.as_of_date as is_mature
    from gate_conversions
    cross join as_of
),

cohorts as (
    select
        'month' as cohort_grain,
        first_met_month as cohort_month,
        *
    from gates_matured

    union all

    select
        'total' as cohort_grain,
        cast(null as date) as cohort_month,
        *
    from gates_matured
    where is_mature
),

counted as (
    select
        cohort_grain,
        cohort_month,
        event_name,
        gate,
        is_mature,
        count(*) as accounts,
        sum(count_encounters) as encounters,
        count(case when is_converted then 1 end) as converted_accounts,
        count(case when is_converted_after_any then 1 end) as converted_after_any_accounts,
        sum(case when is_converted then upgrade_mrr else 0 end) as upgrade_mrr,
        {{ percentile('case when is_converted then days_to_upgrade end', 0.5) }} as median_days_to_upgrade
    from cohorts
    group by 1, 2, 3, 4, 5
),

final as (
    select
        -- keys
        cohort_grain,
        cohort_month,
        event_name,
        gate,
        -- attributes
        is_mature,
        is_mature and converted_accounts > {{ var('gate_conversion_target') }} * accounts as is_on_target,
        -- measures
        accounts,
        cast(encounters as bigint) as encounters,
        converted_accounts,
        cast(converted_accounts as double) / accounts as conversion_rate,
        converted_after_any_accounts,
        cast(converted_after_any_accounts as double) / accounts as conversion_after_any_rate,
        cast(upgrade_mrr as decimal(18, 2)) as upgrade_mrr,
        cast(median_days_to_upgrade as double) as median_days_to_upgrade
    from counted
)

select * from final
