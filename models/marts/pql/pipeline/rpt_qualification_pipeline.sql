with

subject_stages as (
    select * from {{ ref('int_pql__subject_stages') }}
),

conversions as (
    select * from {{ ref('qualification_conversions') }}
),

models as (
    select * from {{ ref('pql_models') }}
),

opportunity_sources as (
    select * from {{ ref('fct_opportunity_sources') }}
),

qualifications as (
    select * from {{ ref('fct_qualifications') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

questions as (
    -- what is about PQLs is asked of all live models together and of each by itself
    select
        conversions.*,
        'all' as model_key
    from conversions
    union all
    select
        conversions.*,
        models.model_key
    from conversions
    cross join models
    where
        (conversions.from_stage = 'pql' or conversions.to_stage = 'pql')
        and models.level = 'account'
        and models.status <> 'retired'
),

starts as (
    -- the first time counts
    select
        questions.conversion_key,
        questions.model_key,
        questions.from_stage,
        questions.to_stage,
        questions.within_days,
        subject_stages.subject_id,
        min(subject_stages.reached_date) as from_date
    from questions
    inner join subject_stages
        on
            questions.from_stage = subject_stages.stage
            and case when questions.from_stage = 'pql' then questions.model_key else 'all' end = subject_stages.model_key
    group by 1, 2, 3, 4, 5, 6
),

followed as (
    -- of some moments only the day is known: the same day follows, an earlier one that lasts was first
    select
        starts.conversion_key,
        starts.model_key,
        starts.within_days,
        starts.subject_id,
        starts.from_date,
        max(
            case
                when
                    subject_stages.reached_date < starts.from_date
                    and coalesce(subject_stages.ended_date >= starts.from_date, true)
                    then 1
                else 0
            end
        ) = 1 as is_there_already,
        min(
            case
                when
                    subject_stages.reached_date >= starts.from_date
                    and subject_stages.reached_date <= {{ add_days('starts.from_date', 'starts.within_days') }}
                    then subject_stages.reached_date
            end
        ) as to_date
    from starts
    left join subject_stages
        on
            starts.subject_id = subject_stages.subject_id
            and starts.to_stage = subject_stages.stage
            and case when starts.to_stage = 'pql' then starts.model_key else 'all' end = subject_stages.model_key
    group by 1, 2, 3, 4, 5
),

counted as (
    select
        conversion_key,
        model_key,
        {{ month_start('from_date') }} as cohort_month,
        subject_id,
        is_there_already,
        case when is_there_already then null else {{ days_between('from_date', 'to_date') }} end as days_between
    from followed
),

attributed_pipeline as (
    -- each opportunity once, in the month of the qualification that sourced it
    select
        questions.conversion_key,
        questions.model_key,
        {{ month_start('opportunity_sources.qualified_at') }} as cohort_month,
        count(*) as attributed_opportunities,
        sum(coalesce(opportunity_sources.amount, 0)) as attributed_pipeline,
        sum(case when opportunity_sources.is_won then coalesce(opportunity_sources.amount, 0) else 0 end) as attributed_won
    from opportunity_sources
    inner join qualifications on opportunity_sources.qualification_id = qualifications.qualification_id
    inner join questions
        on
            opportunity_sources.source_kind = questions.from_stage
            and questions.to_stage = 'opportunity'
            and (questions.model_key = 'all' or opportunity_sources.model_key = questions.model_key)
    where opportunity_sources.is_new_business
    group by 1, 2, 3
),

months as (
    select
        conversion_key,
        model_key,
        cohort_month
    from counted
    union
    select
        conversion_key,
        model_key,
        cohort_month
    from attributed_pipeline
),

months_matured as (
    select
        months.conversion_key,
        months.model_key,
        months.cohort_month,
        {{ add_days(add_months_to('months.cohort_month', 1), 'questions.within_days') }} <= clock.as_of_date as is_mature
    from months
    inner join questions
        on
            months.conversion_key = questions.conversion_key
            and months.model_key = questions.model_key
    cross join clock
),

cohorts as (
    select
        'month' as cohort_grain,
        conversion_key,
        model_key,
        cohort_month,
        cohort_month as shown_month,
        is_mature
    from months_matured
    union all
    -- who has had the time only
    select
        'total' as cohort_grain,
        conversion_key,
        model_key,
        cohort_month,
        cast(null as date) as shown_month,
        is_mature
    from months_matured
    where is_mature
),

subjects_counted as (
    select
        cohorts.cohort_grain,
        cohorts.conversion_key,
        cohorts.model_key,
        cohorts.shown_month,
        cohorts.is_mature,
        count(counted.subject_id) as count_qualified,
        count(case when counted.is_there_already then 1 end) as count_already,
        count(counted.days_between) as count_converted,
        {{ percentile('counted.days_between', 0.5) }} as median_days,
        {{ percentile('counted.days_between', 0.75) }} as p75_days
    from cohorts
    left join counted
        on
            cohorts.conversion_key = counted.conversion_key
            and cohorts.model_key = counted.model_key
            and cohorts.cohort_month = counted.cohort_month
    group by 1, 2, 3, 4, 5
),

pipeline_summed as (
    select
        cohorts.cohort_grain,
        cohorts.conversion_key,
        cohorts.model_key,
        cohorts.shown_month,
        sum(attributed_pipeline.attributed_opportunities) as attributed_opportunities,
        sum(attributed_pipeline.attributed_pipeline) as attributed_pipeline,
        sum(attributed_pipeline.attributed_won) as attributed_won
    from cohorts
    inner join attributed_pipeline
        on
            cohorts.conversion_key = attributed_pipeline.conversion_key
            and cohorts.model_key = attributed_pipeline.model_key
            and cohorts.cohort_month = attributed_pipeline.cohort_month
    group by 1, 2, 3, 4
),

stages_told as (
    -- a CRM that knows no sales-qualified leads does not say that there are none
    select distinct stage
    from subject_stages
),

rates as (
    select
        subjects_counted.*,
        stages_told.stage is not null as is_told,
        subjects_counted.count_qualified - subjects_counted.count_already as denominator,
        case
            when questions.to_stage = 'opportunity' then coalesce(pipeline_summed.attributed_opportunities, 0)
        end as attributed_opportunities,
        case
            when questions.to_stage = 'opportunity' then coalesce(pipeline_summed.attributed_pipeline, 0)
        end as attributed_pipeline,
        case
            when questions.to_stage = 'opportunity' then coalesce(pipeline_summed.attributed_won, 0)
        end as attributed_won,
        questions.from_stage,
        questions.to_stage,
        questions.within_days,
        questions.expected_low,
        questions.expected_high,
        questions.red_below,
        questions.red_above,
        questions.expected_median_days
    from subjects_counted
    inner join questions
        on
            subjects_counted.conversion_key = questions.conversion_key
            and subjects_counted.model_key = questions.model_key
    left join stages_told on questions.to_stage = stages_told.stage
    left join pipeline_summed
        on
            subjects_counted.cohort_grain = pipeline_summed.cohort_grain
            and subjects_counted.conversion_key = pipeline_summed.conversion_key
            and subjects_counted.model_key = pipeline_summed.model_key
            and subjects_counted.shown_month is not distinct from pipeline_summed.shown_month
),

final as (
    select
        -- keys
        cohort_grain,
        shown_month as cohort_month,
        conversion_key,
        model_key,
        -- attributes
        from_stage,
        to_stage,
        within_days,
        is_mature,
        case
            when not is_told then 'not_told'
            when not is_mature or denominator = 0 then 'not_measured'
            when count_converted < red_below * denominator then 'too_low'
            when count_converted > red_above * denominator then 'too_high'
            when count_converted < expected_low * denominator then 'below_expected'
            when count_converted > expected_high * denominator then 'above_expected'
            when coalesce(expected_low, expected_high) is null then 'no_target'
            else 'as_expected'
        end as state,
        case when is_mature then median_days < expected_median_days end as is_in_time,
        -- measures
        count_qualified,
        count_already,
        denominator,
        count_converted as numerator,
        case when is_told and denominator > 0 then cast(count_converted as double) / denominator end as rate,
        case when is_told then {{ wilson_low('count_converted', 'denominator') }} end as rate_low,
        case when is_told then {{ wilson_high('count_converted', 'denominator') }} end as rate_high,
        cast(median_days as double) as median_days,
        cast(p75_days as double) as p75_days,
        cast(attributed_opportunities as bigint) as attributed_opportunities,
        cast(attributed_pipeline as decimal(18, 2)) as attributed_pipeline,
        cast(attributed_won as decimal(18, 2)) as attributed_won
    from rates
)

select * from final
