-- A live model without the record of its promotion, or put live before its time in shadow was over
-- by somebody who did not say that it is an exception.
with

models as (
    select * from {{ ref('pql_models') }}
    where status = 'live'
),

promotions as (
    select * from {{ ref('pql_promotions') }}
),

settings as (
    {{ pql_proof_settings(['shadow_days']) }}
)

select
    models.model_key,
    models.version,
    promotions.shadow_from,
    promotions.promoted_on,
    promotions.approved_by
from models
cross join settings
left join promotions
    on
        models.model_key = promotions.model_key
        and models.version = promotions.version
where
    promotions.promoted_on is null
    or coalesce(promotions.approved_by, '') = ''
    or coalesce(promotions.note, '') = ''
    or (
        not promotions.is_exception
        and not coalesce(
            {{ days_between('promotions.shadow_from', 'promotions.promoted_on') }} >= settings.shadow_days, false
        )
    )
