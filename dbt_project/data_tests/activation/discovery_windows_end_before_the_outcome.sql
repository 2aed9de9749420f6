-- a candidate must be over before what it foretells begins
select
    windows.value as window_days,
    outcome.value as outcome_from_day
from {{ ref('milestone_discovery_settings') }} as windows
inner join {{ ref('milestone_discovery_settings') }} as outcome
    on outcome.setting = 'outcome_from_day'
where windows.setting = 'window_days' and windows.value > outcome.value
