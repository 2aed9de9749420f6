with

outcomes as (
    select * from {{ ref('int_pql__handoff_outcomes') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

by_tier_and_all as (
    select
        outcomes.*,
        outcomes.tier as shown_tier
    from outcomes
    union all
    select
        outcomes.*,
        'all' as shown_tier
    from outcomes
),

by_month_and_total as (
    select
        'month' as cohort_grain,
        qualified_month as cohort_month,
        by_tier_and_all.*
    from by_tier_and_all
    union all
    select
        'total' as cohort_grain,
        cast(null as date) as cohort_month,
        by_tier_and_all.*
    from by_tier_and_all
),

told as (
    -- a CRM that tells neither answers nor opportunities does not say that nothing was won
    select coalesce(max(case when is_accepted or is_rejected or has_opportunity then 1 else 0 end), 0) = 1 as is_told
    from outcomes
),

counted as (
    select
        cohort_grain,
        cohort_month,
        model_key,
        shown_tier as tier,
        count(*) as count_handoffs,
        count(case when is_accepted then 1 end) as count_accepted,
        count(case when is_rejected then 1 end) as count_rejected,
        count(case when status = 'expired' and not is_accepted then 1 end) as count_expired,
        count(case when status = 'pending' then 1 end) as count_pending,
        count(case when has_opportunity then 1 end) as count_opportunity,
        count(case when is_won then 1 end) as count_won,
        count(case when is_mature then 1 end) as count_mature,
        count(case when is_mature and has_opportunity then 1 end) as count_mature_opportunity,
        count(case when is_mature and is_won then 1 end) as count_mature_won,
        sum(pipeline) as pipeline
    from by_month_and_total
    group by 1, 2, 3, 4
),

rates as (
    select
        counted.*,
        counted.count_accepted + counted.count_rejected as count_answered,
        case
            when counted.cohort_grain = 'month'
                then {{ add_days(add_months_to('counted.cohort_month', 1), var('pql_feedback_days')) }} <= clock.as_of_date
        end as is_mature,
        told.is_told,
        counted.count_rejected > {{ var('pql_rejection_red_flag') }} * (counted.count_accepted + counted.count_rejected) as is_rejection_red_flag,
        told.is_told
        and counted.count_mature_won < {{ var('pql_close_red_flag') }} * counted.count_mature as is_close_red_flag
    from counted
    cross join told
    cross join clock
),

final as (
    select
        -- keys
        cohort_grain,
        cohort_month,
        model_key,
        tier,
        -- attributes
        is_mature,
        is_rejection_red_flag,
        is_close_red_flag,
        case
            when is_rejection_red_flag and is_close_red_flag then 'too_many_rejected_and_too_few_won'
            when is_rejection_red_flag then 'too_many_rejected'
            when is_close_red_flag then 'too_few_won'
            when count_answered = 0 and (count_mature = 0 or not is_told) then 'not_measured'
            else 'ok'
        end as state,
        -- measures
        count_handoffs,
        count_accepted,
        count_rejected,
        count_expired,
        count_pending,
        count_opportunity,
        count_won,
        count_answered,
        count_mature,
        count_mature_opportunity,
        count_mature_won,
        case when count_answered > 0 then cast(count_accepted as double) / count_answered end as acceptance_rate,
        case when count_answered > 0 then cast(count_rejected as double) / count_answered end as rejection_rate,
        {{ wilson_low('count_rejected', 'count_answered') }} as rejection_rate_low,
        {{ wilson_high('count_rejected', 'count_answered') }} as rejection_rate_high,
        case when is_told and count_mature > 0 then cast(count_mature_opportunity as double) / count_mature end as opportunity_rate,
        case when is_told and count_mature > 0 then cast(count_mature_won as double) / count_mature end as close_rate,
        case when is_told then {{ wilson_low('count_mature_won', 'count_mature') }} end as close_rate_low,
        case when is_told then {{ wilson_high('count_mature_won', 'count_mature') }} end as close_rate_high,
        cast(pipeline as decimal(18, 2)) as pipeline
    from rates
)

select * from final
