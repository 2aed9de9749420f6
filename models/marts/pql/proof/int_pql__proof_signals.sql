with

models as (
    select * from {{ ref('pql_models') }}
),

signals as (
    select * from {{ ref('pql_signals') }}
),

final as (
    select
        signals.model_key,
        signals.signal_key,
        signals.category,
        signals.points,
        models.level,
        -- only where points are simply added do weights mean the same in any row
        models.method = 'sum' as is_summed
    from signals
    inner join models on signals.model_key = models.model_key
    where models.status in ('live', 'shadow')
)

select * from final
