select
    cohort_month,
    dimension,
    dimension_value,
    entity_type,
    stage,
    entities,
    entities_previous
from {{ ref('rpt_funnel') }}
where
    entities > entities_previous
    or entities > entities_first
    or conversion_from_previous not between 0 and 1
    or conversion_from_first not between 0 and 1
