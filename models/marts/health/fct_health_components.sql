with

component_spans as (
    select * from {{ ref('int_health__component_spans') }}
),

components_by_day as (
    select
        account_id,
        {{ date_spine('valid_from', add_days('valid_to', -1)) }} as health_date,
        component,
        place,
        cause,
        is_decisive,
        weight,
        -- weights in hundredths: what is missing weighs nothing
        case when is_missing then 0 else cast(weight * 100 as bigint) end as weight_units,
        value_units,
        score_units,
        sentence,
        is_missing
    from component_spans
),

weights_added as (
    -- rounded sums of one component after the other: their differences add up to the rounded score
    select
        *,
        sum(weight_units) over (partition by account_id, health_date) as total_weight_units,
        sum(weight_units * coalesce(score_units, 0)) over (
            partition by account_id, health_date
            order by place, component
            rows between unbounded preceding and current row
        ) as sum_units
    from components_by_day
),

points_shared as (
    select
        *,
        case
            when total_weight_units = 0 then 0
            else
                {{ money_share('sum_units', 'cast(1 as bigint)', 'total_weight_units') }}
                - {{ money_share(
                    '(sum_units - weight_units * coalesce(score_units, 0))',
                    'cast(1 as bigint)',
                    'total_weight_units'
                ) }}
        end as points_units
    from weights_added
),

final as (
    select
        account_id,
        health_date,
        component,
        place,
        cause,
        is_decisive and coalesce(score_units, 10000) < 10000 as is_decisive,
        cast(value_units / 10000.0 as decimal(18, 4)) as value,
        cast(score_units / 100.0 as decimal(9, 2)) as score,
        weight,
        cast(
            case when total_weight_units = 0 then 0 else 100.0 * weight_units / total_weight_units end
            as decimal(9, 2)
        ) as effective_weight,
        cast(points_units / 100.0 as decimal(9, 2)) as points,
        cast(
            case
                when total_weight_units = 0 then 0
                else {{ money_share('(10000 - coalesce(score_units, 0))', 'weight_units', 'total_weight_units') }} / 100.0
            end as decimal(9, 2)
        ) as lost_points,
        sentence,
        is_missing
    from points_shared
)

select * from final
