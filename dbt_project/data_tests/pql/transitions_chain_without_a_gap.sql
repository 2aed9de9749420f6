-- Each transition starts from the tier the one before ended in, unless the account paid in between.
with

transitions as (
    select * from {{ ref('fct_transitions') }}
),

scores as (
    select * from {{ ref('fct_scores') }}
),

transitions_in_order as (
    select
        model_key,
        account_id,
        score_date,
        from_tier,
        to_tier,
        lag(to_tier) over (partition by model_key, account_id order by score_date) as tier_before
    from transitions
),

days_scored_before as (
    select
        transitions_in_order.model_key,
        transitions_in_order.account_id,
        transitions_in_order.score_date,
        transitions_in_order.from_tier,
        transitions_in_order.to_tier,
        transitions_in_order.tier_before,
        scores.tier as tier_of_day_before
    from transitions_in_order
    left join scores
        on
            transitions_in_order.model_key = scores.model_key
            and transitions_in_order.account_id = scores.account_id
            and scores.score_date = {{ add_days('transitions_in_order.score_date', -1) }}
)

select *
from days_scored_before
where
    from_tier = to_tier
    or from_tier <> coalesce(tier_of_day_before, 'none')
    or (tier_of_day_before is not null and from_tier <> coalesce(tier_before, 'none'))
