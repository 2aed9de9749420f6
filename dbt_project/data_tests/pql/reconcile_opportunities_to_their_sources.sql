-- Every opportunity has one source: what is attributed to kinds and to nothing adds up to the CRM's
-- opportunities, in the months they were opened as in the months they were qualified in.
with

opportunities as (
    select opportunities.*
    from {{ ref('fct_opportunities') }} as opportunities
    cross join {{ ref('dim_as_of') }} as clock
    where opportunities.created_at <= clock.as_of_at
),

opportunity_sources as (
    select * from {{ ref('fct_opportunity_sources') }}
),

months as (
    select * from {{ ref('rpt_pipeline_reconciliation') }}
    where kind <> 'all'
),

cohorts as (
    select * from {{ ref('rpt_qualification_pipeline') }}
    where cohort_grain = 'month' and to_stage = 'opportunity' and model_key = 'all'
),

new_business as (
    select
        count(*) as opportunities,
        coalesce(sum(coalesce(amount, 0)), 0) as amount,
        coalesce(sum(case when source_kind <> 'none' then coalesce(amount, 0) end), 0) as attributed
    from opportunity_sources
    where is_new_business
),

sums as (
    select
        'opportunities' as what,
        cast((select count(*) from opportunities) as decimal(18, 2)) as expected,
        cast((select count(*) from opportunity_sources) as decimal(18, 2)) as found
    union all
    select
        'pipeline by month of opening, ours' as what,
        (select amount from new_business) as expected,
        (select coalesce(sum(warehouse_pipeline), 0) from months) as found
    union all
    select
        'pipeline by month of opening, the CRM''s' as what,
        (select amount from new_business) as expected,
        (select coalesce(sum(crm_pipeline), 0) from months) as found
    union all
    select
        'pipeline by month of qualification' as what,
        (select attributed from new_business) as expected,
        (select coalesce(sum(attributed_pipeline), 0) from cohorts) as found
)

select * from sums
where expected is distinct from found
