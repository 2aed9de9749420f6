-- The least and the most a model says it can give are what its signals, rules and potentials allow.
with

models as (
    select * from {{ ref('pql_models') }}
),

signals as (
    select
        *,
        coalesce(rule_key, signal_key) as rule
    from {{ ref('pql_signals') }}
),

potentials as (
    select
        model_key,
        max(multiplier) as most_multiplier
    from {{ ref('pql_potentials') }}
    group by model_key
),

rules as (
    select
        model_key,
        rule,
        sum(points) as points
    from signals
    group by model_key, rule
),

strongest_rules as (
    select
        model_key,
        max(points) as most_points
    from rules
    group by model_key
),

sums as (
    select
        model_key,
        sum(case when points > 0 then points else 0 end) as all_gains,
        sum(case when points < 0 then points else 0 end) as all_losses,
        sum(case when points > 0 and category = 'fit' then points else 0 end) as fit_gains,
        sum(case when points < 0 and category = 'fit' then points else 0 end) as fit_losses
    from signals
    group by model_key
),

allowed as (
    select
        models.model_key,
        models.method,
        models.min_points,
        models.max_points,
        case models.method
            when 'sum' then sums.all_losses
            when 'normalised'
                then (sums.all_losses - sums.fit_losses) * coalesce(potentials.most_multiplier, 1) + sums.fit_losses
            else 0
        end as least_points,
        case models.method
            when 'sum' then sums.all_gains
            when 'normalised'
                then (sums.all_gains - sums.fit_gains) * coalesce(potentials.most_multiplier, 1) + sums.fit_gains
            else strongest_rules.most_points
        end as most_points
    from models
    left join sums on models.model_key = sums.model_key
    left join potentials on models.model_key = potentials.model_key
    left join strongest_rules on models.model_key = strongest_rules.model_key
)

select * from allowed
where
    least_points is null
    or min_points <> least_points
    -- a sum may be capped below what its signals add up to
    or (method = 'sum' and max_points > most_points)
    or (method <> 'sum' and max_points <> most_points)
