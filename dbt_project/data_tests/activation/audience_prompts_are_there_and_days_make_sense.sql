-- a rule about a milestone names it, days are not negative, and every product line has a prompt for
-- every event its milestones count
select
    audience as what,
    'a milestone is missing or days are negative' as problem
from {{ ref('audience_definitions') }}
where
    (rule = 'milestone_missing' and target_milestone is null)
    or after_days < 0
    or for_days <= 0
union all
select distinct
    definitions.product_line || ' ' || definitions.event_name as what,
    'no prompt in audience_prompts' as problem
from {{ ref('milestone_definitions') }} as definitions
left join {{ ref('audience_prompts') }} as prompts
    on
        definitions.event_name = prompts.next_step
        and (prompts.product_line is null or definitions.product_line = prompts.product_line)
where prompts.prompt_key is null
