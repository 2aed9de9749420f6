with

models as (
    select * from {{ ref('pql_models') }}
),

current_scores as (
    select * from {{ ref('fct_current_scores') }}
),

live_scores as (
    -- a model in shadow is never shown to anyone outside; of several live ones the first counts
    select
        current_scores.*,
        row_number() over (
            partition by current_scores.account_id
            order by models.priority, current_scores.model_key
        ) as place
    from current_scores
    inner join models on current_scores.model_key = models.model_key
    where models.status = 'live'
),

final as (
    select
        account_id,
        model_key,
        points,
        score_10,
        tier,
        reason,
        triggered_at
    from live_scores
    where place = 1
)

select * from final
