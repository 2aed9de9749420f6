with

tier_changes as (
    select * from {{ ref('int_pql__tier_changes') }}
),

reasons as (
    select reasons.*
    from {{ ref('int_pql__score_reasons') }} as reasons
    cross join {{ ref('int_pql__build_window') }} as build_window
    where
        build_window.score_from = date '1900-01-01'
        or reasons.score_date >= {{ add_days('build_window.score_from', -1) }}
),

reason_summaries as (
    select * from {{ ref('int_pql__reason_summaries') }}
),

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

signals_around_changes as (
    select
        tier_changes.model_key,
        tier_changes.entity_id,
        tier_changes.score_date,
        reasons.signal_key,
        reasons.points as signed_points
    from tier_changes
    inner join reasons
        on
            tier_changes.model_key = reasons.model_key
            and tier_changes.entity_id = reasons.entity_id
            and tier_changes.score_date = reasons.score_date
    union all
    select
        tier_changes.model_key,
        tier_changes.entity_id,
        tier_changes.score_date,
        reasons.signal_key,
        -reasons.points as signed_points
    from tier_changes
    inner join reasons
        on
            tier_changes.model_key = reasons.model_key
            and tier_changes.entity_id = reasons.entity_id
            and reasons.score_date = {{ add_days('tier_changes.score_date', -1) }}
    where tier_changes.has_day_before
),

signals_moved as (
    select
        model_key,
        entity_id,
        score_date,
        signal_key,
        sum(signed_points) as change_in_points
    from signals_around_changes
    group by
        model_key,
        entity_id,
        score_date,
        signal_key
    having sum(signed_points) <> 0
),

signals_in_direction as (
    -- only what moved the score the way it went
    select
        signals_moved.model_key,
        signals_moved.entity_id,
        signals_moved.score_date,
        signals_moved.signal_key,
        signals_moved.change_in_points
    from signals_moved
    inner join tier_changes
        on
            signals_moved.model_key = tier_changes.model_key
            and signals_moved.entity_id = tier_changes.entity_id
            and signals_moved.score_date = tier_changes.score_date
    where (signals_moved.change_in_points > 0) = (tier_changes.points > tier_changes.previous_points)
),

signals_ranked as (
    select
        model_key,
        entity_id,
        score_date,
        concat(
            signal_key,
            case when change_in_points > 0 then ' +' else ' ' end,
            cast(change_in_points as varchar)
        ) as movement,
        row_number() over (
            partition by model_key, entity_id, score_date
            order by abs(change_in_points) desc, signal_key
        ) as place
    from signals_in_direction
),

top_signals as (
    select
        model_key,
        entity_id,
        score_date,
        concat_ws(
            ', ',
            max(case when place = 1 then movement end),
            max(case when place = 2 then movement end),
            max(case when place = 3 then movement end)
        ) as top_signals
    from signals_ranked
    group by
        model_key,
        entity_id,
        score_date
),

final as (
    select
        tier_changes.level,
        tier_changes.model_key,
        tier_changes.entity_id,
        tier_changes.account_id,
        tier_changes.score_date,
        tier_changes.previous_tier as from_tier,
        tier_changes.tier as to_tier,
        tier_changes.points,
        tier_changes.score_10,
        tier_changes.previous_points,
        top_signals.top_signals,
        reason_summaries.reason,
        -- the score of a day stands for its end, or for now while the day lasts
        least(
            cast({{ add_days('tier_changes.score_date', 1) }} as timestamp) - interval '1' microsecond,
            build_window.as_of_at
        ) as transitioned_at
    from tier_changes
    cross join build_window
    left join top_signals
        on
            tier_changes.model_key = top_signals.model_key
            and tier_changes.entity_id = top_signals.entity_id
            and tier_changes.score_date = top_signals.score_date
    left join reason_summaries
        on
            tier_changes.model_key = reason_summaries.model_key
            and tier_changes.entity_id = reason_summaries.entity_id
            and tier_changes.score_date = reason_summaries.score_date
)

select * from final
