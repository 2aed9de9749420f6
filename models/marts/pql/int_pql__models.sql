with

models as (
    select * from {{ ref('pql_models') }}
),

signals as (
    select * from {{ ref('pql_signals') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
),

potentials as (
    select * from {{ ref('pql_potentials') }}
),

icp_rules as (
    select * from {{ ref('icp_rules') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

signals_summed as (
    select
        model_key,
        sum(greatest(points, 0)) as most_points
    from signals
    group by model_key
),

-- what a score follows from; prose and routing change no score
rule_lines as (
    select
        model_key,
        concat_ws(
            '|', 'model', level, method, cast(max_points as varchar),
            cast(score_1_points as varchar), cast(score_10_points as varchar),
            case when status = 'retired' then cast(status_since as varchar) else '' end
        ) as rule_line
    from models
    union all
    select
        model_key,
        concat_ws(
            '|', 'signal', signal_key, category, kind,
            coalesce(event_names, ''), coalesce(unless_event_names, ''), coalesce(attribute, ''), coalesce(rule_key, ''),
            coalesce(cast(window_days as varchar), ''), cast(min_count as varchar),
            coalesce(cast(threshold as varchar), ''), cast(points as varchar), coalesce(cast(half_life_days as varchar), '')
        ) as rule_line
    from signals
    union all
    select
        model_key,
        concat_ws('|', 'tier', tier, cast(min_points as varchar)) as rule_line
    from tiers
    union all
    select
        model_key,
        concat_ws('|', 'potential', cast(min_employees as varchar), cast(multiplier as varchar)) as rule_line
    from potentials
    union all
    select
        models.model_key,
        concat_ws(
            '|', 'icp', icp_rules.attribute, icp_rules.operator,
            coalesce(cast(icp_rules.min_value as varchar), ''), coalesce(cast(icp_rules.max_value as varchar), ''),
            coalesce(icp_rules.text_value, '')
        ) as rule_line
    from models
    cross join icp_rules
    union all
    select
        models.model_key,
        concat_ws(
            '|', 'event', event_registry.event_name,
            cast(event_registry.is_product_activity as varchar), cast(event_registry.is_power_feature as varchar)
        ) as rule_line
    from models
    cross join event_registry
),

rules_hashed as (
    select
        model_key,
        {{ hash_rows('rule_line') }} as rules_hash
    from rule_lines
    group by model_key
),

final as (
    select
        models.model_key,
        models.level,
        models.method,
        models.status,
        models.version,
        models.priority,
        cast(models.max_points as decimal(9, 2)) as max_points,
        cast(models.score_1_points as decimal(9, 2)) as score_1_points,
        cast(models.score_10_points as decimal(9, 2)) as score_10_points,
        models.method = 'sum' and coalesce(signals_summed.most_points, 0) > models.max_points as is_capped,
        -- a retired model scores no more; a model in shadow is scored like a live one
        case
            when models.status = 'retired' then {{ add_days('models.status_since', -1) }}
            else date '9999-12-31'
        end as last_score_date,
        rules_hashed.rules_hash
    from models
    inner join rules_hashed on models.model_key = rules_hashed.model_key
    left join signals_summed on models.model_key = signals_summed.model_key
)

select * from final
