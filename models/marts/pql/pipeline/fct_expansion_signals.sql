with

signals as (
    select * from {{ ref('expansion_signals') }}
),

signal_values as (
    select * from {{ ref('int_pql__expansion_values') }}
),

paying_spans as (
    select * from {{ ref('int_pql__paying_spans') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

paying_stretches as (
    select distinct
        account_id,
        paying_since,
        paying_until
    from paying_spans
),

values_met as (
    select
        signal_values.account_id,
        signal_values.from_date,
        signal_values.to_date,
        signal_values.value_now,
        signal_values.value_before,
        signal_values.last_seen_date,
        signals.signal_key,
        signals.kind,
        signals.points,
        signals.min_paying_days
    from signal_values
    inner join signals on signal_values.signal_key = signals.signal_key
    where
        case
            when signals.measure = 'usage_growth'
                then
                    signal_values.value_before >= signals.min_count
                    and signal_values.value_now >= (1 + signals.threshold) * signal_values.value_before
            when signals.measure in ('seat_share', 'quota_share') then signal_values.value_now >= signals.threshold
            else signal_values.value_now >= signals.min_count
        end
),

values_while_paying as (
    -- of one stay as a customer; today is the last day that has begun
    select
        values_met.*,
        greatest(
            values_met.from_date,
            {{ add_days('paying_stretches.paying_since', 'values_met.min_paying_days') }}
        ) as valid_from,
        least(
            values_met.to_date,
            paying_stretches.paying_until,
            cast({{ add_days("cast(clock.as_of_at - interval '1' microsecond as date)", 1) }} as date)
        ) as valid_to
    from values_met
    inner join paying_stretches on values_met.account_id = paying_stretches.account_id
    cross join clock
),

final as (
    select
        -- keys
        account_id,
        signal_key,
        kind,
        -- measures
        points,
        value_now,
        value_before,
        -- times
        valid_from,
        valid_to,
        last_seen_date
    from values_while_paying
    where valid_from < valid_to
)

select * from final
