{%- set cut = ['funnel_key', 'entity_type', 'cohort_grain', 'cohort_date', 'dimension', 'dimension_value'] -%}
with

fct_funnel_attempts as (
    select * from {{ ref('fct_funnel_attempts') }}
),

int_funnel__attempt_steps as (
    select * from {{ ref('int_funnel__attempt_steps') }}
),

int_funnel__steps as (
    select * from {{ ref('int_funnel__steps') }}
),

funnel_definitions as (
    select * from {{ ref('funnel_definitions') }}
),

steps_timed as (
    -- in any order there is no step before
    select
        steps.funnel_key,
        steps.entity_type,
        steps.step_number,
        {{ seconds_between('fct_funnel_attempts.started_at', 'steps.reached_at') }} / 3600.0 as hours_from_start,
        case
            when funnel_definitions.order_mode <> 'any'
                then {{ seconds_between('previous_steps.reached_at', 'steps.reached_at') }} / 3600.0
        end as hours_from_previous,
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
    from int_funnel__attempt_steps as steps
    inner join fct_funnel_attempts
        on
            steps.funnel_key = fct_funnel_attempts.funnel_key
            and steps.entity_type = fct_funnel_attempts.entity_type
            and steps.entity_id = fct_funnel_attempts.entity_id
            and steps.attempt_number = fct_funnel_attempts.attempt_number
    inner join funnel_definitions
        on steps.funnel_key = funnel_definitions.funnel_key
    left join int_funnel__attempt_steps as previous_steps
        on
            steps.funnel_key = previous_steps.funnel_key
            and steps.entity_type = previous_steps.entity_type
            and steps.entity_id = previous_steps.entity_id
            and steps.attempt_number = previous_steps.attempt_number
            and previous_steps.is_required
            and previous_steps.level = case when steps.is_required then steps.level - 1 else steps.level end
),

{{ funnel_attempt_cuts(
    'steps_timed', ['funnel_key', 'entity_type', 'step_number', 'hours_from_start', 'hours_from_previous']
) }}

reached as (
    select
        {{ cut | join(',\n        ') }},
        step_number,
        is_mature,
        count(*) as entities,
        {{ percentile('hours_from_previous', 0.5) }} as median_hours_from_previous,
        {{ percentile('hours_from_previous', 0.75) }} as p75_hours_from_previous,
        {{ percentile('hours_from_previous', 0.9) }} as p90_hours_from_previous,
        {{ percentile('hours_from_start', 0.5) }} as median_hours_from_start
    from attempt_cuts
    group by
        {{ cut | join(',\n        ') }},
        step_number,
        is_mature
),

funnel_steps as (
    select distinct
        funnel_key,
        entity_type,
        step_number,
        step_key,
        is_required
    from int_funnel__steps
),

-- every cohort shows every step, with 0 where nobody came so far
steps as (
    select
        {%- for column in cut %}
        cohorts.{{ column }},
        {%- endfor %}
        funnel_steps.step_number,
        funnel_steps.step_key,
        funnel_steps.is_required,
        cohorts.is_mature,
        cohorts.entities as entities_first,
        coalesce(reached.entities, 0) as entities,
        -- required steps only lose entities, so the fewest of those before is the nearest
        min(case when funnel_steps.is_required then coalesce(reached.entities, 0) end) over (
            partition by
                cohorts.funnel_key,
                cohorts.entity_type,
                cohorts.cohort_grain,
                cohorts.cohort_date,
                cohorts.dimension,
                cohorts.dimension_value
            order by funnel_steps.step_number
            rows between unbounded preceding and 1 preceding
        ) as entities_previous,
        reached.median_hours_from_previous,
        reached.p75_hours_from_previous,
        reached.p90_hours_from_previous,
        reached.median_hours_from_start
    from reached as cohorts
    inner join funnel_steps
        on
            cohorts.funnel_key = funnel_steps.funnel_key
            and cohorts.entity_type = funnel_steps.entity_type
    left join reached
        on
            cohorts.funnel_key = reached.funnel_key
            and cohorts.entity_type = reached.entity_type
            and cohorts.cohort_grain = reached.cohort_grain
            and coalesce(cohorts.cohort_date, date '1900-01-01') = coalesce(reached.cohort_date, date '1900-01-01')
            and cohorts.dimension = reached.dimension
            and cohorts.dimension_value = reached.dimension_value
            and funnel_steps.step_number = reached.step_number
    where cohorts.step_number = 1
),

conversions as (
    select
        steps.*,
        entities / nullif(entities_previous, 0) as conversion_from_previous,
        entities / nullif(entities_first, 0) as conversion_from_first
    from steps
),

leaks_in_order as (
    select
        conversions.*,
        row_number() over (
            partition by
                {{ cut | join(',\n                ') }}
            order by
                case when is_required and conversion_from_previous < 1 then conversion_from_previous else 2 end,
                step_number
        ) as leak_place
    from conversions
),

final as (
    select
        {%- for column in cut %}
        {{ column }},
        {%- endfor %}

        step_number,
        step_key,
        is_required,

        entities,
        entities_previous,
        entities_first,
        conversion_from_previous,
        conversion_from_first,
        median_hours_from_previous,
        p75_hours_from_previous,
        p90_hours_from_previous,
        median_hours_from_start,

        coalesce(
            is_mature and leak_place = 1 and is_required and conversion_from_previous < 1, false
        ) as is_largest_leak,
        is_mature
    from leaks_in_order
)

select * from final
