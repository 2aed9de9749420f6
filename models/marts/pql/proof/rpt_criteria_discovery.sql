with

criteria as (
    select * from {{ pql_criteria_results() }}
),

windows as (
    select * from {{ ref('pql_criteria_windows') }}
),

final as (
    select
        criteria.window_key,
        criteria.event_name,
        criteria.min_count,

        windows.from_days,
        windows.to_days,
        criteria.is_present_enough,
        criteria.is_significant,
        criteria.is_criterion,
        -- the action's most telling count and window
        criteria.is_criterion
        and row_number() over (partition by criteria.event_name order by criteria.place) = 1 as is_named,

        criteria.place,
        criteria.conversions,
        criteria.controls,
        criteria.conversions_with,
        criteria.controls_with,
        criteria.presence,
        criteria.presence_low,
        criteria.presence_high,
        criteria.base_rate,
        criteria.base_rate_low,
        criteria.base_rate_high,
        criteria.lift,
        criteria.lift_low,
        criteria.lift_high,
        criteria.p_value,
        criteria.p_value_adjusted
    from criteria
    inner join windows on criteria.window_key = windows.window_key
)

select * from final
