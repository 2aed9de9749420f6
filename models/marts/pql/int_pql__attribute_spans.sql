with

signals as (
    select * from {{ ref('int_pql__signals') }}
    where kind = 'attribute'
),

models as (
    select * from {{ ref('int_pql__models') }}
),

account_attributes as (
    select * from {{ ref('int_pql__account_attributes') }}
),

person_log as (
    select * from {{ ref('int_pql__person_log') }}
),

person_spans as (
    select
        *,
        coalesce(lead(known_from) over (partition by person_id order by known_from), date '9999-12-31') as known_to
    from person_log
),

attributes as (
    select
        'account' as level,
        account_id as entity_id,
        attribute,
        valid_from,
        valid_to,
        is_met,
        number_value,
        evidence_count,
        evidence
    from account_attributes
    union all
    select
        'user' as level,
        person_id as entity_id,
        'business_email' as attribute,
        known_from as valid_from,
        known_to as valid_to,
        is_business_email as is_met,
        cast(null as decimal(18, 4)) as number_value,
        1 as evidence_count,
        cast(null as varchar) as evidence
    from person_spans
    where not is_withdrawn
),

final as (
    -- what a company is does not fade; what it is known not to be is no reason
    select
        signals.level,
        signals.model_key,
        signals.signal_key,
        signals.category,
        attributes.entity_id,
        attributes.valid_from,
        least(attributes.valid_to, {{ add_days('models.last_score_date', 1) }}) as valid_to,
        cast(signals.points as decimal(9, 2)) as points_before_decay,
        cast(case when attributes.is_met then signals.points else 0 end as decimal(9, 2)) as points,
        cast(case when attributes.is_met then attributes.evidence_count else 0 end as bigint) as evidence_count,
        replace(
            replace(
                case
                    when attributes.is_met is null then signals.sentence_missing
                    when attributes.evidence_count = 1 then signals.sentence_one
                    else signals.sentence
                end,
                '{count}', cast(attributes.evidence_count as varchar)
            ),
            '{text}', coalesce(attributes.evidence, '')
        ) as sentence,
        attributes.is_met is null as is_missing
    from attributes
    inner join signals
        on
            attributes.attribute = signals.attribute
            and attributes.level = signals.level
    inner join models on signals.model_key = models.model_key
    where
        attributes.is_met is null
        or (
            attributes.is_met
            and attributes.evidence_count >= signals.min_count
            and (signals.threshold is null or attributes.number_value >= signals.threshold)
        )
)

select * from final
