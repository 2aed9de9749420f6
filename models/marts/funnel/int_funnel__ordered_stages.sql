{%- set max_stages = var('funnel_max_stages', 8) -%}
with

int_funnel__stage_occurrences as (
    select * from {{ ref('int_funnel__stage_occurrences') }}
),

funnel_stages as (
    select * from {{ ref('funnel_stages') }}
),

occurrences as (
    select
        int_funnel__stage_occurrences.entity_type,
        int_funnel__stage_occurrences.entity_id,
        funnel_stages.stage_number,
        int_funnel__stage_occurrences.earliest_at,
        int_funnel__stage_occurrences.latest_at
    from int_funnel__stage_occurrences
    inner join funnel_stages
        on int_funnel__stage_occurrences.stage = funnel_stages.stage
),

-- one row an entity, carried from stage to stage: `passed_at` is when the last required stage
-- was reached, NULL once one was missed
walked_0 as (
    select
        entity_type,
        entity_id,
        min(earliest_at) as first_at,
        min(earliest_at) as passed_at
    from occurrences
    group by entity_type, entity_id
),
{% for number in range(1, max_stages + 1) %}
reached_{{ number }} as (
    select
        walked.entity_type,
        walked.entity_id,
        min(walked.first_at) as first_at,
        min(walked.passed_at) as passed_at,
        {% for earlier in range(1, number) %}
        min(walked.stage_{{ earlier }}_at) as stage_{{ earlier }}_at,
        {% endfor %}
        -- not greatest(): it makes a missing occurrence look like one
        min(
            case
                when occurrences.earliest_at > walked.passed_at then occurrences.earliest_at
                when occurrences.earliest_at is not null then walked.passed_at
            end
        ) as stage_{{ number }}_at
    from walked_{{ number - 1 }} as walked
    left join funnel_stages
        on funnel_stages.stage_number = {{ number }}
    left join occurrences
        on
            walked.entity_type = occurrences.entity_type
            and walked.entity_id = occurrences.entity_id
            and funnel_stages.stage_number = occurrences.stage_number
            and walked.passed_at <= occurrences.latest_at
            and (
                funnel_stages.within_days is null
                or greatest(occurrences.earliest_at, walked.passed_at)
                < {{ add_hours('walked.first_at', '24 * funnel_stages.within_days') }}
            )
    group by walked.entity_type, walked.entity_id
),

walked_{{ number }} as (
    select
        reached.entity_type,
        reached.entity_id,
        {% for earlier in range(1, number + 1) %}
        reached.stage_{{ earlier }}_at,
        {% endfor %}
        {{ 'coalesce(reached.stage_1_at, reached.first_at)' if number == 1 else 'reached.first_at' }} as first_at,
        case
            when funnel_stages.is_required then reached.stage_{{ number }}_at
            else reached.passed_at
        end as passed_at
    from reached_{{ number }} as reached
    left join funnel_stages
        on funnel_stages.stage_number = {{ number }}
),
{% endfor %}
stages_by_entity as (
    select
        walked.entity_type,
        walked.entity_id,
        funnel_stages.stage,
        case funnel_stages.stage_number
            {% for number in range(1, max_stages + 1) %}
            when {{ number }} then walked.stage_{{ number }}_at
            {% endfor %}
        end as reached_at
    from walked_{{ max_stages }} as walked
    cross join funnel_stages
),

final as (
    select
        entity_type,
        entity_id,
        stage,
        reached_at
    from stages_by_entity
    where reached_at is not null
)

select * from final
