with

opportunities as (
    select * from {{ ref('stg_crm__opportunities') }}
),

history_records as (
    select * from {{ ref('base_crm__records') }}
    where
        object_name = 'opportunity_history'
        -- an export of OpportunityFieldHistory tells of other fields too
        and coalesce({{ json_text('record', 'Field') }}, 'StageName') = 'StageName'
),

deals as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'opportunities' and crm = 'hubspot'
),

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
    where object_name in ('opportunities', 'deals') and not coalesce(is_deleted, false)
),

deal_stages as (
    -- HubSpot tells a property's history within the record
    select
        crm,
        record_id,
        {{ json_elements('record', 'propertiesWithHistory.dealstage') }} as stage_entry
    from deals
),

stages_told as (
    -- the CRM's own history where it was read
    select
        crm,
        {{ clean_text(crm_field('opportunity_history', 'opportunity_record_id')) }} as opportunity_record_id,
        {{ clean_text(crm_field('opportunity_history', 'stage')) }} as stage,
        coalesce({{ crm_field('opportunity_history', 'entered_at', 'time') }}, modified_at) as entered_at,
        1 as source_rank
    from history_records
    union all
    select
        crm,
        record_id as opportunity_record_id,
        {{ clean_text(json_text('stage_entry', 'value')) }} as stage,
        {{ json_time('stage_entry', 'timestamp') }} as entered_at,
        1 as source_rank
    from deal_stages
    union all
    -- else the versions of the opportunity that landed
    select
        crm,
        record_id as opportunity_record_id,
        {{ clean_text(crm_field('opportunities', 'stage')) }} as stage,
        modified_at as entered_at,
        2 as source_rank
    from crm_records
),

best_sources as (
    select
        stages_told.*,
        min(source_rank) over (partition by stages_told.crm, opportunity_record_id) as best_rank
    from stages_told
    inner join opportunities
        on
            stages_told.crm = opportunities.crm
            and stages_told.opportunity_record_id = opportunities.record_id
    where stages_told.stage is not null and stages_told.entered_at is not null
),

final as (
    -- an edit that left the stage as it was is none of its history
    select
        crm,
        opportunity_record_id,
        stage,
        min(entered_at) as entered_at
    from best_sources
    where source_rank = best_rank
    group by crm, opportunity_record_id, stage
)

select * from final
