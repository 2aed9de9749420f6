with

scores as (
    select * from {{ ref('int_pql__scores') }}
),

tier_changes as (
    select * from {{ ref('int_pql__tier_changes') }}
),

reasons as (
    select reasons.*
    from {{ ref('int_pql__score_reasons') }} as reasons
    cross join {{ ref('int_pql__build_window') }} as build_window
    where reasons.score_date >= build_window.score_from
),

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

days_told as (
    -- somebody is told about today's score and about a change of tier; other days need no prose
    select
        model_key,
        entity_id,
        score_date
    from tier_changes
    union
    select
        scores.model_key,
        scores.entity_id,
        scores.score_date
    from scores
    inner join build_window on scores.score_date = build_window.last_score_date
),

reasons_ranked as (
    select
        reasons.model_key,
        reasons.entity_id,
        reasons.score_date,
        reasons.sentence,
        row_number() over (
            partition by reasons.model_key, reasons.entity_id, reasons.score_date
            order by reasons.points desc, reasons.signal_key
        ) as place
    from reasons
    inner join days_told
        on
            reasons.model_key = days_told.model_key
            and reasons.entity_id = days_told.entity_id
            and reasons.score_date = days_told.score_date
    where reasons.points > 0
),

final as (
    -- three sentences are what a rep reads in ten seconds
    select
        model_key,
        entity_id,
        score_date,
        concat_ws(
            ' ',
            max(case when place = 1 then sentence end),
            max(case when place = 2 then sentence end),
            max(case when place = 3 then sentence end)
        ) as reason
    from reasons_ranked
    group by
        model_key,
        entity_id,
        score_date
)

select * from final
