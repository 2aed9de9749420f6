-- Every change of tier from one day to the next is on record once, and nothing else is: found
-- here by joining each day to the day before, where the model walks along the days.
with

scores as (
    select * from {{ ref('fct_scores') }}
),

transitions as (
    select * from {{ ref('fct_transitions') }}
),

changes as (
    select
        today.model_key,
        today.account_id,
        today.score_date,
        coalesce(day_before.tier, 'none') as from_tier,
        today.tier as to_tier
    from scores as today
    left join scores as day_before
        on
            today.model_key = day_before.model_key
            and today.account_id = day_before.account_id
            and day_before.score_date = {{ add_days('today.score_date', -1) }}
    where today.tier <> coalesce(day_before.tier, 'none')
)

select
    coalesce(changes.model_key, transitions.model_key) as model_key,
    coalesce(changes.account_id, transitions.account_id) as account_id,
    coalesce(changes.score_date, transitions.score_date) as score_date,
    changes.from_tier as expected_from_tier,
    transitions.from_tier,
    changes.to_tier as expected_to_tier,
    transitions.to_tier
from changes
full outer join transitions
    on
        changes.model_key = transitions.model_key
        and changes.account_id = transitions.account_id
        and changes.score_date = transitions.score_date
where
    changes.account_id is null
    or transitions.account_id is null
    or changes.from_tier <> transitions.from_tier
    or changes.to_tier <> transitions.to_tier
