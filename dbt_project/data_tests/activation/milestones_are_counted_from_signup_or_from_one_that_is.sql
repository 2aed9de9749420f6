-- milestones are resolved in two rounds: what another one is counted from counts from sign-up
select
    followup.product_line,
    followup.milestone,
    followup.after_milestone
from {{ ref('milestone_definitions') }} as followup
left join {{ ref('milestone_definitions') }} as anchor
    on
        followup.product_line = anchor.product_line
        and followup.after_milestone = anchor.milestone
where
    followup.after_milestone is not null
    and (anchor.milestone is null or anchor.after_milestone is not null)
