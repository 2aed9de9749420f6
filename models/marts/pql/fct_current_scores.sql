with

models as (
    select * from {{ ref('pql_models') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

scores as (
    select * from {{ ref('fct_scores') }}
),

reason_summaries as (
    select * from {{ ref('int_pql__reason_summaries') }}
),

transitions as (
    select * from {{ ref('fct_transitions') }}
),

scores_today as (
    select scores.*
    from scores
    cross join clock
    where scores.score_date = cast(clock.as_of_at - interval '1' microsecond as date)
),

last_transitions as (
    select
        model_key,
        account_id,
        to_tier,
        max(transitioned_at) as triggered_at
    from transitions
    group by
        model_key,
        account_id,
        to_tier
),

final as (
    select
        scores_today.model_key,
        models.status as model_status,
        scores_today.account_id,
        scores_today.score_date,
        scores_today.points,
        scores_today.score_10,
        scores_today.tier,
        reason_summaries.reason,
        last_transitions.triggered_at
    from scores_today
    inner join models on scores_today.model_key = models.model_key
    left join reason_summaries
        on
            scores_today.model_key = reason_summaries.model_key
            and scores_today.account_id = reason_summaries.entity_id
            and scores_today.score_date = reason_summaries.score_date
    left join last_transitions
        on
            scores_today.model_key = last_transitions.model_key
            and scores_today.account_id = last_transitions.account_id
            and scores_today.tier = last_transitions.to_tier
)

select * from final
