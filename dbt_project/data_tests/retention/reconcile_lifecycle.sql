-- who is active this week was so last week and did not leave, or is new, or came back; a week
-- holds everyone who ever was active
with

weeks as (
    select
        rpt_lifecycle.*,
        lag(count_active, 1, 0) over (partition by entity_type order by week) as active_last_week,
        sum(count_new) over (partition by entity_type order by week) as ever_active
    from {{ ref('rpt_lifecycle') }} as rpt_lifecycle
)

select
    entity_type,
    week,
    count_active,
    active_last_week,
    ever_active
from weeks
where
    count_active_before != active_last_week
    or count_active != active_last_week + count_gained - count_newly_dormant
    or count_active + count_dormant != ever_active
