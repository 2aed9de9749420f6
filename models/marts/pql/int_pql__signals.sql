with

models as (
    select * from {{ ref('pql_models') }}
),

signals as (
    select * from {{ ref('pql_signals') }}
),

final as (
    -- a model in shadow is scored like a live one; only its routing is held back
    select
        signals.model_key,
        signals.signal_key,
        signals.category,
        signals.kind,
        signals.event_names,
        signals.attribute,
        signals.window_days,
        signals.min_count,
        signals.threshold,
        signals.points,
        signals.half_life_days,
        signals.sentence,
        coalesce(signals.sentence_one, signals.sentence) as sentence_one,
        signals.sentence_missing
    from signals
    inner join models on signals.model_key = models.model_key
    where
        models.level = 'account'
        and models.status in ('live', 'shadow')
)

select * from final
