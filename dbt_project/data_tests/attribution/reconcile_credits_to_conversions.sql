-- Under every model the credits of a conversion are exactly 1 and its values exactly what it is
-- worth; no conversion is missing; a credit lies above 0 and up to 1, and no touch has credit for
-- what was before it.
with

conversions as (
    select * from {{ ref('int_attribution__conversions') }}
),

credits as (
    select * from {{ ref('fct_credits') }}
),

models as (
    select model from {{ attribution_models() }}
),

credits_added as (
    select
        conversion_id,
        model,
        sum(credit) as total_credit,
        sum(value) as total_value,
        min(credit) as least_credit,
        min(value) as least_value,
        max(touched_at) as last_touched_at
    from credits
    group by 1, 2
)

select
    coalesce(conversions.conversion_id, credits_added.conversion_id) as conversion_id,
    coalesce(models.model, credits_added.model) as model,
    conversions.value,
    credits_added.total_credit,
    credits_added.total_value
from conversions
cross join models
full outer join credits_added
    on
        conversions.conversion_id = credits_added.conversion_id
        and models.model = credits_added.model
where
    conversions.conversion_id is null
    or credits_added.conversion_id is null
    or credits_added.total_credit <> 1
    or credits_added.total_value is distinct from conversions.value
    or credits_added.least_credit < 0
    or credits_added.least_value < 0
    or credits_added.last_touched_at > conversions.converted_at
