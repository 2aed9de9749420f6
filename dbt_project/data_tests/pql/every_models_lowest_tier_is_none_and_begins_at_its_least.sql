with

models as (
    select * from {{ ref('pql_models') }}
),

tiers as (
    select
        *,
        row_number() over (partition by model_key order by min_points) as place
    from {{ ref('pql_tiers') }}
)

select
    models.model_key,
    tiers.tier,
    tiers.min_points,
    models.min_points as least_points
from models
left join tiers
    on
        models.model_key = tiers.model_key
        and tiers.place = 1
where
    tiers.tier is distinct from 'none'
    or tiers.min_points <> models.min_points
