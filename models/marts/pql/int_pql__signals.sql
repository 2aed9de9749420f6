with

models as (
    select * from {{ ref('int_pql__models') }}
),

signals as (
    select * from {{ ref('pql_signals') }}
),

final as (
    select
        signals.model_key,
        signals.signal_key,
        models.level,
        models.method,
        signals.category,
        signals.kind,
        signals.event_names,
        signals.unless_event_names,
        signals.attribute,
        coalesce(signals.rule_key, signals.signal_key) as rule_key,
        count(*) over (
            partition by signals.model_key, coalesce(signals.rule_key, signals.signal_key)
        ) as count_rule_signals,
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
)

select * from final
