with

fct_funnel_attempts as (
    select * from {{ ref('fct_funnel_attempts') }}
),

int_funnel__attempt_steps as (
    select * from {{ ref('int_funnel__attempt_steps') }}
),

funnel_conversions as (
    select * from {{ ref('funnel_conversions') }}
),

attempts_asked as (
    select
        funnel_conversions.conversion_key,
        fct_funnel_attempts.entity_type,
        case when to_steps.step_key is not null then 1 else 0 end as is_converted,
        {{ seconds_between('from_steps.reached_at', 'to_steps.reached_at') }} / 86400.0 as days_taken,
        fct_funnel_attempts.cohort_week,
        fct_funnel_attempts.cohort_month,
        fct_funnel_attempts.is_cohort_week_mature,
        fct_funnel_attempts.is_cohort_month_mature,
        fct_funnel_attempts.channel,
        fct_funnel_attempts.campaign,
        fct_funnel_attempts.segment,
        fct_funnel_attempts.country,
        fct_funnel_attempts.product_line,
        fct_funnel_attempts.entry_model,
        fct_funnel_attempts.persona,
        fct_funnel_attempts.motion
    from funnel_conversions
    inner join fct_funnel_attempts
        on funnel_conversions.funnel_key = fct_funnel_attempts.funnel_key
    inner join int_funnel__attempt_steps as from_steps
        on
            fct_funnel_attempts.funnel_key = from_steps.funnel_key
            and fct_funnel_attempts.entity_type = from_steps.entity_type
            and fct_funnel_attempts.entity_id = from_steps.entity_id
            and fct_funnel_attempts.attempt_number = from_steps.attempt_number
            and funnel_conversions.from_step_key = from_steps.step_key
    left join int_funnel__attempt_steps as to_steps
        on
            fct_funnel_attempts.funnel_key = to_steps.funnel_key
            and fct_funnel_attempts.entity_type = to_steps.entity_type
            and fct_funnel_attempts.entity_id = to_steps.entity_id
            and fct_funnel_attempts.attempt_number = to_steps.attempt_number
            and funnel_conversions.to_step_key = to_steps.step_key
),

{{ funnel_attempt_cuts('attempts_asked', ['conversion_key', 'entity_type', 'is_converted', 'days_taken']) }}

final as (
    select
        conversion_key,
        entity_type,
        cohort_grain,
        cohort_date,
        dimension,
        dimension_value,

        cast(sum(is_converted) as bigint) as numerator,
        count(*) as denominator,
        cast(sum(is_converted) as bigint) / count(*) as rate,
        {{ percentile('days_taken', 0.5) }} as median_days,

        is_mature
    from attempt_cuts
    group by
        conversion_key,
        entity_type,
        cohort_grain,
        cohort_date,
        dimension,
        dimension_value,
        is_mature
)

select * from final
