with

components as (
    select * from {{ ref('health_components') }}
),

curves as (
    select * from {{ ref('health_curves') }}
),

paying_spans as (
    select * from {{ ref('int_health__paying_spans') }}
),

evidence_changes as (
    select * from {{ ref('int_health__evidence_changes') }}
),

evidence as (
    select
        account_id,
        component,
        on_date as valid_from,
        lead(on_date) over component_history as valid_to,
        sum(numerator_change) over component_history as numerator,
        sum(denominator_change) over component_history as denominator,
        sum(known_change) over component_history as count_known
    from evidence_changes
    window component_history as (
        partition by account_id, component
        order by on_date
    )
),

evidence_while_paying as (
    select
        evidence.account_id,
        components.component,
        components.place,
        components.weight,
        components.per,
        components.min_denominator,
        components.window_days,
        components.is_decisive,
        -- concat makes a text of its own: of two seeds' texts in one column DuckDB 2.0.0 loses the dictionary
        -- ("changed identity after being seeded") from some thousand accounts on
        concat(
            case
                when components.numerator = 'billing_value' then coalesce(paying_spans.billing_cause, components.cause)
                else components.cause
            end
        ) as cause,
        components.sentence,
        components.sentence_missing,
        paying_spans.billing_sentence,
        case
            when components.numerator = 'billing_value' then paying_spans.billing_value
            else evidence.numerator
        end as numerator,
        case components.denominator
            when 'none' then 1
            when 'seats' then paying_spans.paid_seats
            else evidence.denominator
        end as denominator,
        evidence.count_known > 0
        and (components.denominator <> 'seats' or paying_spans.paid_seats is not null)
        and (components.numerator <> 'billing_value' or paying_spans.billing_value is not null) as is_measured,
        greatest(evidence.valid_from, paying_spans.valid_from) as valid_from,
        least(coalesce(evidence.valid_to, paying_spans.valid_to), paying_spans.valid_to) as valid_to
    from evidence
    inner join components on evidence.component = components.component
    inner join paying_spans
        on
            evidence.account_id = paying_spans.account_id
            and evidence.valid_from < paying_spans.valid_to
            and coalesce(evidence.valid_to > paying_spans.valid_from, true)
),

values_measured as (
    -- ten-thousandths, exact
    select
        *,
        case
            when is_measured
                then {{ money_share(
                    '10000 * numerator * per',
                    'cast(1 as bigint)',
                    'greatest(denominator, coalesce(min_denominator, 1))'
                ) }}
        end as value_units
    from evidence_while_paying
),

curve_points as (
    select
        component,
        cast(value * 10000 as bigint) as value_units,
        cast(score * 100 as bigint) as score_units,
        lead(cast(value * 10000 as bigint)) over (partition by component order by value) as next_value_units,
        lead(cast(score * 100 as bigint)) over (partition by component order by value) as next_score_units
    from curves
),

curve_ends as (
    select
        component,
        min(value_units) as first_value_units,
        max(value_units) as last_value_units
    from curve_points
    group by component
),

values_on_curve as (
    -- a curve goes on flat before its first point and after its last
    select
        values_measured.*,
        case
            when values_measured.is_measured
                then least(greatest(values_measured.value_units, curve_ends.first_value_units), curve_ends.last_value_units)
        end as curve_units
    from values_measured
    inner join curve_ends on values_measured.component = curve_ends.component
),

final as (
    select
        values_on_curve.account_id,
        values_on_curve.component,
        values_on_curve.place,
        values_on_curve.weight,
        values_on_curve.is_decisive,
        values_on_curve.cause,
        values_on_curve.numerator,
        values_on_curve.denominator,
        values_on_curve.value_units,
        curve_points.score_units
        + coalesce(
            {{ money_share(
                '(curve_points.next_score_units - curve_points.score_units)',
                '(values_on_curve.curve_units - curve_points.value_units)',
                '(curve_points.next_value_units - curve_points.value_units)'
            ) }},
            0
        ) as score_units,
        case
            when values_on_curve.is_measured
                then replace(
                    replace(
                        replace(
                            replace(
                                replace(
                                    values_on_curve.sentence,
                                    '{value}', cast({{ money_share('values_on_curve.value_units', 1, 10000) }} as varchar)
                                ),
                                '{numerator}', cast(values_on_curve.numerator as varchar)
                            ),
                            '{denominator}', cast(values_on_curve.denominator as varchar)
                        ),
                        '{state}', coalesce(values_on_curve.billing_sentence, '')
                    ),
                    '{window}', cast(values_on_curve.window_days as varchar)
                )
            else replace(values_on_curve.sentence_missing, '{window}', cast(values_on_curve.window_days as varchar))
        end as sentence,
        not values_on_curve.is_measured as is_missing,
        values_on_curve.valid_from,
        values_on_curve.valid_to
    from values_on_curve
    left join curve_points
        on
            values_on_curve.component = curve_points.component
            and values_on_curve.curve_units >= curve_points.value_units
            and coalesce(values_on_curve.curve_units < curve_points.next_value_units, true)
)

select * from final
