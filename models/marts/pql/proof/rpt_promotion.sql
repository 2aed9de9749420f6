with

models as (
    select * from {{ ref('pql_models') }}
    where status in ('live', 'shadow')
),

promotions as (
    select * from {{ ref('pql_promotions') }}
),

scores as (
    select * from {{ ref('int_pql__proof_scores') }}
),

backtest as (
    select * from {{ ref('rpt_backtest') }}
),

calibration as (
    select * from {{ ref('rpt_calibration') }}
    where score_10 is null
),

hints as (
    select * from {{ ref('rpt_tuning_hints') }}
    where is_needed_for_promotion
),

settings as (
    {{ pql_proof_settings(['shadow_days', 'min_conversions']) }}
),

limits as (
    select
        max(case when setting = 'min_lift' then value end) as min_lift,
        max(case when setting = 'calibration_error_max' then value end) as calibration_error_max
    from {{ ref('pql_proof_settings') }}
),

shadow_starts as (
    -- a model in shadow since its status; one that is live since what its promotion tells
    select
        models.model_key,
        models.version,
        models.status,
        case when models.status = 'shadow' then models.status_since else promotions.shadow_from end as shadow_from,
        case when models.status = 'live' then promotions.promoted_on end as shadow_until,
        promotions.approved_by,
        promotions.promoted_on
    from models
    left join promotions
        on
            models.model_key = promotions.model_key
            and models.version = promotions.version
),

days_scored as (
    select distinct
        model_key,
        score_date
    from scores
),

shadow_days as (
    select
        shadow_starts.model_key,
        count(days_scored.score_date) as shadow_days
    from shadow_starts
    left join days_scored
        on
            shadow_starts.model_key = days_scored.model_key
            and shadow_starts.shadow_from <= days_scored.score_date
            and (shadow_starts.shadow_until is null or shadow_starts.shadow_until > days_scored.score_date)
    group by shadow_starts.model_key
),

figures as (
    select
        model_key,
        max(case when cut_type = 'model' then count_conversions end) as conversions,
        max(case when cut_type = 'model' then auc end) as auc,
        max(case when cut_type = 'model' then auc_low end) as auc_low,
        max(case when is_pql_bound then lift end) as lift,
        max(case when is_pql_bound then lift_low end) as lift_low,
        max(case when cut_type = 'tier' and tier is not null then 1 end) as has_tiers,
        -- the closest that two neighbouring tiers with a bound come
        min(case when cut_type = 'tier' and tier is not null then above_next end) as smallest_step
    from backtest
    group by model_key
),

conditions as (
    select
        shadow_starts.model_key,
        'shadow_days' as condition,
        1 as condition_order,
        cast(coalesce(shadow_days.shadow_days, 0) as double) as value,
        cast(settings.shadow_days as double) as needed,
        coalesce(shadow_days.shadow_days >= settings.shadow_days, false) as is_met,
        'Days scored in shadow' as description
    from shadow_starts
    cross join settings
    left join shadow_days on shadow_starts.model_key = shadow_days.model_key
    union all
    select
        models.model_key,
        'conversions' as condition,
        2 as condition_order,
        cast(coalesce(figures.conversions, 0) as double) as value,
        cast(settings.min_conversions as double) as needed,
        coalesce(figures.conversions >= settings.min_conversions, false) as is_met,
        'Conversions in windows that are over' as description
    from models
    cross join settings
    left join figures on models.model_key = figures.model_key
    union all
    select
        models.model_key,
        'lift' as condition,
        3 as condition_order,
        figures.lift_low as value,
        limits.min_lift as needed,
        coalesce(figures.lift_low >= limits.min_lift, false) as is_met,
        'Lift from the PQL bound on, lower end of its interval' as description
    from models
    cross join limits
    left join figures on models.model_key = figures.model_key
    union all
    select
        models.model_key,
        'discrimination' as condition,
        4 as condition_order,
        figures.auc_low as value,
        0.5 as needed,
        coalesce(figures.auc_low > 0.5, false) as is_met,
        'Area under the ROC curve, lower end: above what chance gives' as description
    from models
    left join figures on models.model_key = figures.model_key
    union all
    select
        models.model_key,
        'tiers_in_order' as condition,
        5 as condition_order,
        figures.smallest_step as value,
        0.0 as needed,
        coalesce(figures.smallest_step > 0, false) as is_met,
        'Smallest difference in conversion of a tier to the one below it: above 0' as description
    from models
    left join figures on models.model_key = figures.model_key
    union all
    select
        models.model_key,
        'calibration' as condition,
        6 as condition_order,
        calibration.calibration_error as value,
        limits.calibration_error_max as needed,
        coalesce(calibration.calibration_error <= limits.calibration_error_max, false) as is_met,
        'Expected calibration error in the latest windows, at most' as description
    from models
    cross join limits
    left join calibration on models.model_key = calibration.model_key
    union all
    select
        hints.model_key,
        concat('target_', hints.target_key) as condition,
        7 as condition_order,
        hints.value,
        coalesce(hints.from_value, hints.to_value) as needed,
        hints.verdict = 'met' as is_met,
        concat('Target ', hints.target_key) as description
    from hints
    inner join models on hints.model_key = models.model_key
),

verdicts as (
    select
        model_key,
        min(case when is_met then 1 else 0 end) = 1 as may_be_live,
        min(case when is_met or condition = 'shadow_days' then 1 else 0 end) = 1 as has_passed_backtest
    from conditions
    group by model_key
),

final as (
    select
        conditions.model_key,
        conditions.condition,

        shadow_starts.version,
        shadow_starts.status,
        conditions.condition_order,
        conditions.is_met,
        verdicts.has_passed_backtest,
        verdicts.may_be_live,
        shadow_starts.approved_by,
        conditions.description,

        conditions.value,
        conditions.needed,

        shadow_starts.shadow_from,
        shadow_starts.promoted_on
    from conditions
    inner join verdicts on conditions.model_key = verdicts.model_key
    inner join shadow_starts on conditions.model_key = shadow_starts.model_key
)

select * from final
