{%- set growth_funnel = var('growth_funnel', 'growth') -%}
{%- set mature_at = add_hours(
    "cast(leaks_in_order.cohort_month + interval 1 month as timestamp)", "leaks_in_order.maturity_hours"
) -%}
with

fct_stages as (
    select * from {{ ref('fct_stages') }}
),

int_funnel__entity_cuts as (
    select * from {{ ref('int_funnel__entity_cuts') }}
),

funnel_definitions as (
    select * from {{ ref('funnel_definitions') }}
),

funnel_steps as (
    select * from {{ ref('funnel_steps') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

funnel_stages as (
    select
        funnel_steps.step_key as stage,
        funnel_steps.step_number as stage_number,
        funnel_steps.is_required,
        coalesce(funnel_definitions.window_hours, 24 * {{ var('funnel_patience_days') }}) as maturity_hours
    from funnel_steps
    inner join funnel_definitions
        on funnel_steps.funnel_key = funnel_definitions.funnel_key
    where funnel_steps.funnel_key = '{{ growth_funnel }}'
),

cohorts as (
    select distinct
        cohort_month,
        dimension,
        dimension_value,
        entity_type
    from int_funnel__entity_cuts
),

reached as (
    select
        int_funnel__entity_cuts.cohort_month,
        int_funnel__entity_cuts.dimension,
        int_funnel__entity_cuts.dimension_value,
        int_funnel__entity_cuts.entity_type,
        fct_stages.stage,
        count(*) as entities,
        {{ percentile('fct_stages.days_from_previous', 0.5) }} as median_days_from_previous
    from int_funnel__entity_cuts
    inner join fct_stages
        on
            int_funnel__entity_cuts.entity_type = fct_stages.entity_type
            and int_funnel__entity_cuts.entity_id = fct_stages.entity_id
    group by
        int_funnel__entity_cuts.cohort_month,
        int_funnel__entity_cuts.dimension,
        int_funnel__entity_cuts.dimension_value,
        int_funnel__entity_cuts.entity_type,
        fct_stages.stage
),

-- every cohort shows every stage, with 0 where nobody came so far
steps as (
    select
        cohorts.cohort_month,
        cohorts.dimension,
        cohorts.dimension_value,
        cohorts.entity_type,
        funnel_stages.stage,
        funnel_stages.stage_number,
        funnel_stages.is_required,
        funnel_stages.maturity_hours,
        coalesce(reached.entities, 0) as entities,
        reached.median_days_from_previous,
        -- required stages only lose entities, so the fewest of those before is the nearest
        min(case when funnel_stages.is_required then coalesce(reached.entities, 0) end) over (
            partition by
                cohorts.cohort_month, cohorts.dimension, cohorts.dimension_value, cohorts.entity_type
            order by funnel_stages.stage_number
            rows between unbounded preceding and 1 preceding
        ) as entities_previous,
        first_value(coalesce(reached.entities, 0)) over (
            partition by
                cohorts.cohort_month, cohorts.dimension, cohorts.dimension_value, cohorts.entity_type
            order by funnel_stages.stage_number
            rows between unbounded preceding and unbounded following
        ) as entities_first
    from cohorts
    cross join funnel_stages
    left join reached
        on
            cohorts.cohort_month = reached.cohort_month
            and cohorts.dimension = reached.dimension
            and cohorts.dimension_value = reached.dimension_value
            and cohorts.entity_type = reached.entity_type
            and funnel_stages.stage = reached.stage
),

conversions as (
    select
        steps.*,
        steps.entities / nullif(steps.entities_previous, 0) as conversion_from_previous,
        steps.entities / nullif(steps.entities_first, 0) as conversion_from_first
    from steps
),

leaks_in_order as (
    select
        conversions.*,
        row_number() over (
            partition by
                conversions.cohort_month,
                conversions.dimension,
                conversions.dimension_value,
                conversions.entity_type
            order by
                case
                    when conversions.is_required and conversions.conversion_from_previous < 1
                        then conversions.conversion_from_previous
                    else 2
                end,
                conversions.stage_number
        ) as leak_place
    from conversions
),

final as (
    select
        leaks_in_order.cohort_month,
        leaks_in_order.dimension,
        leaks_in_order.dimension_value,
        leaks_in_order.entity_type,

        leaks_in_order.stage,
        leaks_in_order.stage_number,
        leaks_in_order.is_required,

        leaks_in_order.entities,
        leaks_in_order.entities_previous,
        leaks_in_order.entities_first,
        leaks_in_order.conversion_from_previous,
        leaks_in_order.conversion_from_first,
        leaks_in_order.median_days_from_previous,

        coalesce(
            leaks_in_order.leak_place = 1
            and leaks_in_order.is_required
            and leaks_in_order.conversion_from_previous < 1
            and {{ mature_at }} <= dim_as_of.as_of_at,
            false
        ) as is_largest_drop_off,
        {{ mature_at }} <= dim_as_of.as_of_at as is_mature
    from leaks_in_order
    cross join dim_as_of
)

select * from final
