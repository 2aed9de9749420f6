with

models as (
    select * from {{ ref('pql_models') }}
),

signals as (
    select * from {{ ref('pql_signals') }}
)

select
    models.model_key,
    models.max_points,
    sum(signals.points) as sum_of_signals
from models
left join signals on models.model_key = signals.model_key
group by models.model_key, models.max_points
having models.max_points <> coalesce(sum(signals.points), 0)
