with

signals as (
    select * from {{ ref('int_pql__signals') }}
),

days_in_window as (
    -- the epoch only counts: its n-th day stands for an age of n days
    select
        model_key,
        signal_key,
        {{ date_spine("date '1970-01-01'", add_days("date '1970-01-01'", "window_days - 1")) }} as nth_day
    from signals
    where window_days is not null
),

ages as (
    select
        model_key,
        signal_key,
        {{ days_between("date '1970-01-01'", 'nth_day') }} as age_days
    from days_in_window
),

faded as (
    -- the power is a float: to an exact decimal first, then halves away from zero
    select
        signals.model_key,
        signals.signal_key,
        ages.age_days,
        signals.window_days,
        signals.sentence,
        signals.sentence_one,
        signals.kind = 'quota_share' as tells_value,
        signals.points as points_before_decay,
        cast(
            coalesce(power(0.5, cast(ages.age_days as double) / signals.half_life_days), 1) as decimal(9, 6)
        ) as decay_factor,
        cast(
            signals.points
            * coalesce(power(0.5, cast(ages.age_days as double) / signals.half_life_days), 1)
            as decimal(18, 6)
        ) as decayed_points
    from signals
    inner join ages
        on
            signals.model_key = ages.model_key
            and signals.signal_key = ages.signal_key
),

final as (
    select
        model_key,
        signal_key,
        age_days,
        cast(points_before_decay as decimal(9, 2)) as points_before_decay,
        decay_factor,
        decayed_points,
        cast(round(decayed_points, 2) as decimal(9, 2)) as points,
        tells_value,
        replace(
            replace(sentence, '{window}', cast(window_days as varchar)),
            '{when}',
            case age_days
                when 0 then 'today'
                when 1 then 'yesterday'
                else concat(cast(age_days as varchar), ' days ago')
            end
        ) as sentence,
        replace(
            replace(sentence_one, '{window}', cast(window_days as varchar)),
            '{when}',
            case age_days
                when 0 then 'today'
                when 1 then 'yesterday'
                else concat(cast(age_days as varchar), ' days ago')
            end
        ) as sentence_one
    from faded
)

select * from final
