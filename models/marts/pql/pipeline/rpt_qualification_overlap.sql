with

subject_stages as (
    select * from {{ ref('int_pql__subject_stages') }}
    where model_key = 'all'
),

opportunity_sources as (
    select * from {{ ref('fct_opportunity_sources') }}
    where is_new_business
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

yes_and_no as (
    select true as is_it
    union all
    select false as is_it
),

combinations as (
    select
        mql.is_it as is_mql,
        sql.is_it as is_sql,
        pql.is_it as is_pql
    from yes_and_no as mql
    cross join yes_and_no as sql
    cross join yes_and_no as pql
    where mql.is_it or sql.is_it or pql.is_it
),

first_payments as (
    select
        account_id as subject_id,
        min(movement_date) as paid_date
    from mrr_movements
    where movement_type = 'new'
    group by account_id
),

first_amounts as (
    select
        account_id as subject_id,
        sum(amount) as first_mrr
    from mrr_movements
    where movement_type = 'new'
    group by account_id
),

subjects as (
    -- what led to a first payment is asked: what came after it is left out where anything was before
    select
        subject_stages.subject_id,
        first_payments.paid_date,
        min(subject_stages.reached_date) as first_qualified_date,
        min(case when subject_stages.stage = 'mql' then subject_stages.reached_date end) as mql_date,
        min(case when subject_stages.stage = 'sql' then subject_stages.reached_date end) as sql_date,
        min(case when subject_stages.stage = 'pql' then subject_stages.reached_date end) as pql_date
    from subject_stages
    left join first_payments on subject_stages.subject_id = first_payments.subject_id
    where subject_stages.stage in ('mql', 'sql', 'pql')
    group by 1, 2
),

subjects_combined as (
    select
        subjects.subject_id,
        subjects.paid_date,
        subjects.first_qualified_date,
        coalesce(subjects.paid_date < subjects.first_qualified_date, false) as is_already_paying,
        subjects.mql_date is not null
        and not coalesce(subjects.mql_date > subjects.paid_date and subjects.first_qualified_date <= subjects.paid_date, false) as is_mql,
        subjects.sql_date is not null
        and not coalesce(subjects.sql_date > subjects.paid_date and subjects.first_qualified_date <= subjects.paid_date, false) as is_sql,
        subjects.pql_date is not null
        and not coalesce(subjects.pql_date > subjects.paid_date and subjects.first_qualified_date <= subjects.paid_date, false) as is_pql,
        {{ add_days('subjects.first_qualified_date', var('overlap_conversion_days')) }} < clock.as_of_date as has_had_time,
        coalesce(
            subjects.paid_date >= subjects.first_qualified_date
            and subjects.paid_date <= {{ add_days('subjects.first_qualified_date', var('overlap_conversion_days')) }},
            false
        ) as is_paid_in_time
    from subjects
    cross join clock
),

opportunities_after as (
    select
        subjects_combined.subject_id,
        count(*) as opportunities,
        sum(coalesce(opportunity_sources.amount, 0)) as pipeline,
        sum(case when opportunity_sources.is_won then coalesce(opportunity_sources.amount, 0) else 0 end) as won
    from subjects_combined
    inner join opportunity_sources
        on
            subjects_combined.subject_id = opportunity_sources.subject_id
            and subjects_combined.first_qualified_date <= cast(opportunity_sources.created_at as date)
    group by 1
),

subjects_measured as (
    select
        subjects_combined.*,
        accounts.account_id is not null as is_account,
        opportunities_after.subject_id is not null as has_opportunity,
        coalesce(opportunities_after.opportunities, 0) as opportunities,
        coalesce(opportunities_after.pipeline, 0) as pipeline,
        coalesce(opportunities_after.won, 0) as won,
        case
            when subjects_combined.paid_date >= subjects_combined.first_qualified_date
                then 12 * first_amounts.first_mrr
        end as acv,
        subjects_combined.has_had_time and not subjects_combined.is_already_paying as is_asked
    from subjects_combined
    left join accounts on subjects_combined.subject_id = accounts.account_id
    left join opportunities_after on subjects_combined.subject_id = opportunities_after.subject_id
    left join first_amounts on subjects_combined.subject_id = first_amounts.subject_id
),

counted as (
    select
        combinations.is_mql,
        combinations.is_sql,
        combinations.is_pql,
        count(subjects_measured.subject_id) as count_subjects,
        count(case when subjects_measured.is_account then 1 end) as count_accounts,
        count(case when subjects_measured.is_already_paying then 1 end) as count_already_paying,
        count(case when subjects_measured.is_asked then 1 end) as denominator,
        count(case when subjects_measured.is_asked and subjects_measured.is_paid_in_time then 1 end) as numerator,
        count(case when subjects_measured.has_opportunity then 1 end) as count_with_opportunity,
        sum(subjects_measured.opportunities) as count_opportunities,
        sum(subjects_measured.pipeline) as pipeline,
        sum(subjects_measured.won) as won,
        count(subjects_measured.acv) as count_new_customers,
        sum(subjects_measured.acv) as total_acv
    from combinations
    left join subjects_measured
        on
            combinations.is_mql = subjects_measured.is_mql
            and combinations.is_sql = subjects_measured.is_sql
            and combinations.is_pql = subjects_measured.is_pql
    group by 1, 2, 3
),

final as (
    select
        -- keys
        concat_ws(
            '+',
            case when is_mql then 'mql' end,
            case when is_sql then 'sql' end,
            case when is_pql then 'pql' end
        ) as combination,
        -- attributes
        is_mql,
        is_sql,
        is_pql,
        -- measures
        count_subjects,
        count_accounts,
        count_already_paying,
        denominator,
        numerator,
        case when denominator > 0 then cast(numerator as double) / denominator end as conversion_rate,
        {{ wilson_low('numerator', 'denominator') }} as conversion_rate_low,
        {{ wilson_high('numerator', 'denominator') }} as conversion_rate_high,
        count_with_opportunity,
        cast(coalesce(count_opportunities, 0) as bigint) as count_opportunities,
        cast(coalesce(pipeline, 0) as decimal(18, 2)) as pipeline,
        cast(coalesce(won, 0) as decimal(18, 2)) as won,
        count_new_customers,
        cast(coalesce(total_acv, 0) as decimal(18, 2)) as total_acv,
        case
            when count_new_customers > 0
                then cast(cast(total_acv as double) / count_new_customers as decimal(18, 2))
        end as average_acv
    from counted
)

select * from final
