with

handoffs as (
    select * from {{ ref('fct_handoffs') }}
),

crm_owners as (
    select
        owner_id,
        min(owner_name) as owner_name
    from {{ ref('dim_crm_owners') }}
    group by owner_id
),

handoffs_described as (
    select
        handoffs.*,
        cast(date_trunc('month', handoffs.qualified_at) as date) as qualified_month,
        coalesce(crm_owners.owner_name, handoffs.first_owner_id, 'nobody yet') as owner_name
    from handoffs
    left join crm_owners on handoffs.first_owner_id = crm_owners.owner_id
),

cuts as (
    -- whoever had it first answers for the deadline
    {%- for dimension, value in [('all', "'all'"), ('tier', 'tier'), ('zone', 'zone'), ('team', "coalesce(team, 'none')"), ('owner', 'owner_name')] %}
    select
        qualified_month,
        model_key,
        '{{ dimension }}' as dimension,
        {{ value }} as dimension_value,
        is_sla_met,
        is_open,
        pipeline_minutes,
        sync_minutes,
        human_minutes,
        pipeline_wall_minutes,
        sync_wall_minutes,
        human_wall_minutes
    from handoffs_described
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

counted as (
    select
        qualified_month,
        model_key,
        dimension,
        dimension_value,
        count(*) as handoffs,
        count(case when is_sla_met then 1 end) as answered_in_time,
        count(case when not is_sla_met then 1 end) as breached,
        count(case when is_sla_met is null and is_open then 1 end) as still_in_time,
        count(case when is_sla_met is null and not is_open then 1 end) as closed_untouched,
        avg(pipeline_minutes) as average_pipeline_minutes,
        avg(sync_minutes) as average_sync_minutes,
        avg(human_minutes) as average_human_minutes,
        avg(pipeline_wall_minutes) as average_pipeline_wall_minutes,
        avg(sync_wall_minutes) as average_sync_wall_minutes,
        avg(human_wall_minutes) as average_human_wall_minutes
    from cuts
    group by
        qualified_month,
        model_key,
        dimension,
        dimension_value
),

final as (
    select
        qualified_month as month,
        model_key,
        dimension,
        dimension_value,
        handoffs,
        answered_in_time,
        breached,
        still_in_time,
        closed_untouched,
        cast(
            case when answered_in_time + breached > 0 then answered_in_time / (answered_in_time + breached) end
            as decimal(9, 4)
        ) as adherence,
        cast({{ var('sla_adherence_target') }} as decimal(9, 4)) as target,
        answered_in_time >= {{ var('sla_adherence_target') }} * (answered_in_time + breached) as is_on_target,
        cast(average_pipeline_minutes as decimal(18, 2)) as average_pipeline_minutes,
        cast(average_sync_minutes as decimal(18, 2)) as average_sync_minutes,
        cast(average_human_minutes as decimal(18, 2)) as average_human_minutes,
        cast(average_pipeline_wall_minutes as decimal(18, 2)) as average_pipeline_wall_minutes,
        cast(average_sync_wall_minutes as decimal(18, 2)) as average_sync_wall_minutes,
        cast(average_human_wall_minutes as decimal(18, 2)) as average_human_wall_minutes
    from counted
)

select * from final
