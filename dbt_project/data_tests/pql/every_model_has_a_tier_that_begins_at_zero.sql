with

models as (
    select * from {{ ref('pql_models') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
)

select
    models.model_key,
    min(tiers.min_points) as lowest_bound
from models
left join tiers on models.model_key = tiers.model_key
group by models.model_key
having coalesce(min(tiers.min_points), -1) <> 0
