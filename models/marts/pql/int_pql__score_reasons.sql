with

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

models as (
    select * from {{ ref('int_pql__models') }}
),

signal_decay as (
    select * from {{ ref('int_pql__signal_decay') }}
),

behaviour_days as (
    select * from {{ ref('int_pql__behaviour_days') }}
),

attribute_spans as (
    select * from {{ ref('int_pql__attribute_spans') }}
),

evidence_log as (
    select * from {{ ref('int_pql__evidence_log') }}
),

account_days as (
    select account_days.*
    from {{ ref('int_pql__account_days') }} as account_days
    cross join build_window
    where
        account_days.score_date >= build_window.score_from
        and account_days.score_date <= build_window.last_score_date
),

quota_shares as (
    select
        account_id,
        last_event_at,
        cast(cast(round(100 * max(quota_share), 0) as bigint) as varchar) as quota_percent
    from evidence_log
    where event_name = 'quota_reported'
    group by account_id, last_event_at
),

behaviour_reasons as (
    select
        behaviour_days.level,
        behaviour_days.model_key,
        behaviour_days.entity_id,
        behaviour_days.account_id,
        behaviour_days.score_date,
        behaviour_days.signal_key,
        behaviour_days.category,
        behaviour_days.points,
        signal_decay.points_before_decay,
        signal_decay.decay_factor,
        signal_decay.decayed_points,
        behaviour_days.evidence_count,
        behaviour_days.last_seen_at,
        case
            when signal_decay.tells_value
                then
                    replace(
                        replace(
                            case
                                when behaviour_days.evidence_count = 1 then signal_decay.sentence_one
                                else signal_decay.sentence
                            end,
                            '{count}', cast(behaviour_days.evidence_count as varchar)
                        ),
                        '{value}', coalesce(quota_shares.quota_percent, '')
                    )
            when behaviour_days.evidence_count = 1 then replace(signal_decay.sentence_one, '{count}', '1')
            else replace(signal_decay.sentence, '{count}', cast(behaviour_days.evidence_count as varchar))
        end as sentence,
        false as is_missing
    from behaviour_days
    inner join signal_decay
        on
            behaviour_days.model_key = signal_decay.model_key
            and behaviour_days.signal_key = signal_decay.signal_key
            and behaviour_days.age_days = signal_decay.age_days
    left join quota_shares
        on
            signal_decay.tells_value
            and behaviour_days.account_id = quota_shares.account_id
            and behaviour_days.last_seen_at = quota_shares.last_event_at
),

person_days as (
    select distinct
        model_key,
        entity_id,
        account_id,
        score_date
    from behaviour_days
    where level = 'user'
),

attribute_reasons as (
    select
        attribute_spans.level,
        attribute_spans.model_key,
        account_days.account_id as entity_id,
        account_days.account_id,
        account_days.score_date,
        attribute_spans.signal_key,
        attribute_spans.category,
        attribute_spans.points,
        attribute_spans.points_before_decay,
        attribute_spans.evidence_count,
        attribute_spans.sentence,
        attribute_spans.is_missing
    from account_days
    inner join attribute_spans
        on
            attribute_spans.level = 'account'
            and account_days.account_id = attribute_spans.entity_id
            and account_days.score_date >= attribute_spans.valid_from
            and account_days.score_date < attribute_spans.valid_to
    union all
    -- of a person, on days on which there is anything to say
    select
        attribute_spans.level,
        attribute_spans.model_key,
        person_days.entity_id,
        person_days.account_id,
        person_days.score_date,
        attribute_spans.signal_key,
        attribute_spans.category,
        attribute_spans.points,
        attribute_spans.points_before_decay,
        attribute_spans.evidence_count,
        attribute_spans.sentence,
        attribute_spans.is_missing
    from person_days
    inner join attribute_spans
        on
            attribute_spans.level = 'user'
            and person_days.model_key = attribute_spans.model_key
            and person_days.entity_id = attribute_spans.entity_id
            and person_days.score_date >= attribute_spans.valid_from
            and person_days.score_date < attribute_spans.valid_to
),

points_to_cap as (
    select
        behaviour_days.level,
        behaviour_days.model_key,
        behaviour_days.entity_id,
        behaviour_days.account_id,
        behaviour_days.score_date,
        behaviour_days.points,
        models.max_points
    from behaviour_days
    inner join models
        on
            behaviour_days.model_key = models.model_key
            and models.is_capped
    union all
    select
        attribute_spans.level,
        attribute_spans.model_key,
        attribute_spans.entity_id,
        account_days.account_id,
        account_days.score_date,
        attribute_spans.points,
        models.max_points
    from attribute_spans
    inner join models
        on
            attribute_spans.model_key = models.model_key
            and models.is_capped
    inner join account_days
        on
            attribute_spans.level = 'account'
            and attribute_spans.entity_id = account_days.account_id
            and attribute_spans.valid_from <= account_days.score_date
            and attribute_spans.valid_to > account_days.score_date
    union all
    select
        attribute_spans.level,
        attribute_spans.model_key,
        attribute_spans.entity_id,
        person_days.account_id,
        person_days.score_date,
        attribute_spans.points,
        models.max_points
    from attribute_spans
    inner join models
        on
            attribute_spans.model_key = models.model_key
            and models.is_capped
    inner join person_days
        on
            attribute_spans.level = 'user'
            and attribute_spans.model_key = person_days.model_key
            and attribute_spans.entity_id = person_days.entity_id
            and attribute_spans.valid_from <= person_days.score_date
            and attribute_spans.valid_to > person_days.score_date
),

caps as (
    select
        level,
        model_key,
        entity_id,
        account_id,
        score_date,
        max_points,
        max_points - sum(points) as points,
        count(*) as evidence_count
    from points_to_cap
    group by
        level,
        model_key,
        entity_id,
        account_id,
        score_date,
        max_points
    having sum(points) > max_points
),

final as (
    select
        level,
        model_key,
        entity_id,
        account_id,
        score_date,
        signal_key,
        category,
        points,
        points_before_decay,
        decay_factor,
        decayed_points,
        evidence_count,
        last_seen_at,
        sentence,
        is_missing
    from behaviour_reasons
    union all
    select
        level,
        model_key,
        entity_id,
        account_id,
        score_date,
        signal_key,
        category,
        points,
        points_before_decay,
        cast(1 as decimal(9, 6)) as decay_factor,
        cast(points as decimal(18, 6)) as decayed_points,
        evidence_count,
        cast(null as timestamp) as last_seen_at,
        sentence,
        is_missing
    from attribute_reasons
    union all
    select
        level,
        model_key,
        entity_id,
        account_id,
        score_date,
        'cap' as signal_key,
        'cap' as category,
        cast(points as decimal(9, 2)) as points,
        cast(points as decimal(9, 2)) as points_before_decay,
        cast(1 as decimal(9, 6)) as decay_factor,
        cast(points as decimal(18, 6)) as decayed_points,
        evidence_count,
        cast(null as timestamp) as last_seen_at,
        concat('Capped at the most of the model, ', cast(max_points as varchar), ' points.') as sentence,
        false as is_missing
    from caps
)

select * from final
