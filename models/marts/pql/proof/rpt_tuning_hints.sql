with

measured as (
    select * from {{ ref('int_pql__targets_measured') }}
),

targets as (
    select * from {{ ref('pql_targets') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
),

models as (
    select * from {{ ref('pql_models') }}
),

settings as (
    {{ pql_proof_settings(['min_group_size']) }}
),

targets_of_models as (
    select
        models.model_key,
        targets.target_key,
        targets.cut,
        targets.measure,
        targets.from_value,
        targets.to_value,
        targets.hint_below,
        targets.hint_above,
        targets.is_needed_for_promotion,
        targets.source
    from targets
    cross join models
    union all
    -- what a tier itself says it should convert
    select
        model_key,
        concat('expected_conversion_', tier) as target_key,
        tier as cut,
        'paid_rate' as measure,
        cast(expected_conversion_from as double) as from_value,
        cast(expected_conversion_to as double) as to_value,
        concat('Raise the bound of ', tier, ', or expect less of it') as hint_below,
        concat('Lower the bound of ', tier, ', or expect more of it') as hint_above,
        false as is_needed_for_promotion,
        'seed pql_tiers' as source
    from tiers
    where expected_conversion_from is not null or expected_conversion_to is not null
),

judged as (
    select
        targets_of_models.*,
        measured.threshold_points,
        measured.n,
        measured.value,
        measured.low,
        measured.high,
        case
            when measured.value is null or measured.n < settings.min_group_size then 'too_few'
            when measured.value < targets_of_models.from_value then 'below'
            when measured.value > targets_of_models.to_value then 'above'
            else 'met'
        end as verdict
    from targets_of_models
    cross join settings
    inner join measured
        on
            targets_of_models.model_key = measured.model_key
            and targets_of_models.cut = measured.target_cut
            and targets_of_models.measure = measured.measure
),

final as (
    select
        model_key,
        target_key,

        cut,
        measure,
        verdict,
        case verdict
            when 'below' then high < from_value
            when 'above' then low > to_value
            else false
        end as is_certain,
        case verdict
            when 'below' then hint_below
            when 'above' then hint_above
            when 'too_few' then 'Too few to judge: wait'
        end as hint,
        is_needed_for_promotion,
        source,

        threshold_points,
        cast(n as bigint) as n,
        value,
        low,
        high,
        from_value,
        to_value
    from judged
)

select * from final
