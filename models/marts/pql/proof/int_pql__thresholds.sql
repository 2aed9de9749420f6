with

landmarks as (
    select * from {{ ref('int_pql__landmarks') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
),

settings as (
    {{ pql_proof_settings(['threshold_step_points']) }}
),

models_observed as (
    select distinct model_key
    from landmarks
),

thresholds as (
    select distinct
        landmarks.model_key,
        cast(
            floor(landmarks.points / settings.threshold_step_points) * settings.threshold_step_points as decimal(9, 2)
        ) as threshold_points
    from landmarks
    cross join settings
    union
    select
        tiers.model_key,
        tiers.min_points as threshold_points
    from tiers
    inner join models_observed on tiers.model_key = models_observed.model_key
),

final as (
    select
        thresholds.model_key,
        thresholds.threshold_points,
        tiers.tier,
        coalesce(
            thresholds.threshold_points = min(
                case
                    when tiers.tier in ('{{ var("funnel_pql_tiers", ["hot", "warm"]) | join("', '") }}')
                        then thresholds.threshold_points
                end
            ) over (partition by thresholds.model_key),
            false
        ) as is_pql_bound
    from thresholds
    left join tiers
        on
            thresholds.model_key = tiers.model_key
            and thresholds.threshold_points = tiers.min_points
    where thresholds.threshold_points > 0
)

select * from final
