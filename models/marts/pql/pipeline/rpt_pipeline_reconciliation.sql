with

opportunity_sources as (
    select * from {{ ref('fct_opportunity_sources') }}
    where is_new_business
),

qualification_kinds as (
    select * from {{ ref('qualification_kinds') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

range_of_months as (
    select
        min(created_month) as first_month,
        max(created_month) as last_month
    from opportunity_sources
),

months as (
    select {{ month_spine('first_month', 'last_month') }} as month
    from range_of_months
    where first_month is not null
),

kinds as (
    select kind from qualification_kinds
    union all
    select 'none' as kind
),

sides as (
    -- what the CRM does not know, or calls by a name no rule knows, it attributes to nothing
    select
        *,
        case when crm_source_kind = 'not_told' then 'none' else crm_source_kind end as crm_kind,
        coalesce(amount, 0) as amount_known
    from opportunity_sources
),

compared_by_kind as (
    select
        months.month,
        kinds.kind,
        count(case when sides.source_kind = kinds.kind then 1 end) as warehouse_opportunities,
        count(case when sides.crm_kind = kinds.kind then 1 end) as crm_opportunities,
        sum(case when sides.source_kind = kinds.kind then sides.amount_known else 0 end) as warehouse_pipeline,
        sum(case when sides.crm_kind = kinds.kind then sides.amount_known else 0 end) as crm_pipeline,
        sum(
            case
                when sides.source_kind = kinds.kind and sides.crm_kind = kinds.kind then sides.amount_known
                else 0
            end
        ) as agreed_pipeline,
        sum(
            case
                when kinds.kind = 'mql' and sides.is_mql_before then sides.amount_known
                when kinds.kind = 'sql' and sides.is_sql_before then sides.amount_known
                when kinds.kind = 'pql' and sides.is_pql_before then sides.amount_known
                else 0
            end
        ) as influenced_pipeline
    from months
    cross join kinds
    left join sides on months.month = sides.created_month
    group by months.month, kinds.kind
),

months_told as (
    select
        months.month,
        count(sides.opportunity_id) as opportunities,
        count(case when sides.crm_source_kind <> 'not_told' then 1 end) as opportunities_told,
        count(case when sides.opportunity_id is not null and sides.amount is null then 1 end) as opportunities_without_amount
    from months
    left join sides on months.month = sides.created_month
    group by months.month
),

attributed as (
    -- attributed at all, to whichever kind
    select
        month,
        'all' as kind,
        sum(warehouse_opportunities) as warehouse_opportunities,
        sum(crm_opportunities) as crm_opportunities,
        sum(warehouse_pipeline) as warehouse_pipeline,
        sum(crm_pipeline) as crm_pipeline,
        sum(agreed_pipeline) as agreed_pipeline,
        cast(null as decimal(18, 2)) as influenced_pipeline
    from compared_by_kind
    where kind <> 'none'
    group by month
),

compared as (
    select * from compared_by_kind
    union all
    select * from attributed
),

differences as (
    select
        compared.*,
        compared.warehouse_pipeline - compared.crm_pipeline as difference,
        case
            when compared.crm_pipeline > 0
                then cast(compared.warehouse_pipeline - compared.crm_pipeline as double) / cast(compared.crm_pipeline as double)
        end as difference_share,
        months_told.opportunities,
        months_told.opportunities_told,
        months_told.opportunities_without_amount,
        {{ add_months_to('compared.month', 1) }} <= clock.as_of_at as is_complete
    from compared
    inner join months_told on compared.month = months_told.month
    cross join clock
),

states as (
    -- something against nothing is more than any share
    select
        *,
        case
            when opportunities = 0 then 'empty'
            when opportunities_told = 0 then 'not_told'
            when difference = 0 then 'agrees'
            when crm_pipeline = 0 then 'differs'
            when abs(difference) > {{ var('pipeline_difference_limit') }} * crm_pipeline then 'differs'
            else 'agrees'
        end as state
    from differences
),

final as (
    select
        -- keys
        month,
        kind,
        -- attributes
        state,
        is_complete,
        -- who is attributed to nothing is no attributed pipeline
        coalesce(is_complete and state = 'differs' and kind <> 'none', false) as is_flagged,
        -- measures
        cast(warehouse_opportunities as bigint) as warehouse_opportunities,
        cast(crm_opportunities as bigint) as crm_opportunities,
        cast(warehouse_pipeline as decimal(18, 2)) as warehouse_pipeline,
        cast(crm_pipeline as decimal(18, 2)) as crm_pipeline,
        cast(agreed_pipeline as decimal(18, 2)) as agreed_pipeline,
        cast(influenced_pipeline as decimal(18, 2)) as influenced_pipeline,
        cast(difference as decimal(18, 2)) as difference,
        difference_share,
        opportunities,
        opportunities_told,
        opportunities_without_amount
    from states
)

select * from final
