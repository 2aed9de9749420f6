with

fct_stages as (
    select * from {{ ref('fct_stages') }}
),

int_funnel__entity_attributes as (
    select * from {{ ref('int_funnel__entity_attributes') }}
),

cohorts as (
    select
        entity_type,
        entity_id,
        {{ month_start('min(reached_at)') }} as cohort_month
    from fct_stages
    group by entity_type, entity_id
),

dimensions as (
    select 'all' as dimension
    {% for dimension in ['segment', 'first_channel', 'first_campaign', 'entry_model', 'motion', 'country', 'product_line', 'persona'] %}
    union all
    select '{{ dimension }}' as dimension
    {% endfor %}
),

final as (
    select
        cohorts.entity_type,
        cohorts.entity_id,
        cohorts.cohort_month,
        dimensions.dimension,
        case dimensions.dimension
            when 'all' then 'all'
            {% for dimension in ['segment', 'first_channel', 'first_campaign', 'entry_model', 'motion', 'country', 'product_line', 'persona'] %}
            when '{{ dimension }}' then coalesce(int_funnel__entity_attributes.{{ dimension }}, 'unknown')
            {% endfor %}
        end as dimension_value
    from cohorts
    cross join dimensions
    left join int_funnel__entity_attributes
        on
            cohorts.entity_type = int_funnel__entity_attributes.entity_type
            and cohorts.entity_id = int_funnel__entity_attributes.entity_id
)

select * from final
