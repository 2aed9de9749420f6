with

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

models as (
    select * from {{ ref('int_pql__models') }}
),

signals as (
    select * from {{ ref('int_pql__signals') }}
),

signal_periods as (
    select * from {{ ref('int_pql__signal_periods') }}
),

signal_decay as (
    select * from {{ ref('int_pql__signal_decay') }}
),

account_factors as (
    select * from {{ ref('int_pql__account_factors') }}
),

account_attributes as (
    select * from {{ ref('int_pql__account_attributes') }}
),

person_log as (
    select * from {{ ref('int_pql__person_log') }}
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

person_spans as (
    select
        *,
        coalesce(lead(known_from) over (partition by person_id order by known_from), date '9999-12-31') as known_to
    from person_log
),

quota_shares as (
    select
        account_id,
        last_event_at,
        max(quota_share) as quota_share
    from evidence_log
    where event_name = 'quota_reported'
    group by account_id, last_event_at
),

periods_to_score as (
    select
        signal_periods.model_key,
        signal_periods.signal_key,
        signal_periods.entity_id,
        signal_periods.evidence_count,
        signal_periods.last_seen_at,
        greatest(signal_periods.valid_from, build_window.score_from) as valid_from,
        least(signal_periods.valid_to, {{ add_days('build_window.last_score_date', 1) }}) as valid_to
    from signal_periods
    cross join build_window
    where
        signal_periods.valid_to > build_window.score_from
        and signal_periods.valid_from <= build_window.last_score_date
),

behaviour_by_day as (
    -- a period spread to its days: the age of its evidence is the day and the decay at once
    select
        periods_to_score.model_key,
        periods_to_score.signal_key,
        periods_to_score.entity_id,
        {{ add_days('periods_to_score.last_seen_at', 'signal_decay.age_days') }} as score_date,
        signal_decay.points_before_decay,
        signal_decay.decay_factor,
        signal_decay.decayed_points,
        signal_decay.points,
        periods_to_score.evidence_count,
        periods_to_score.last_seen_at,
        case
            when periods_to_score.evidence_count = 1 then signal_decay.sentence_one
            else signal_decay.sentence
        end as sentence
    from periods_to_score
    inner join signal_decay
        on
            periods_to_score.model_key = signal_decay.model_key
            and periods_to_score.signal_key = signal_decay.signal_key
            and signal_decay.age_days >= {{ days_between('periods_to_score.last_seen_at', 'periods_to_score.valid_from') }}
            and signal_decay.age_days < {{ days_between('periods_to_score.last_seen_at', 'periods_to_score.valid_to') }}
),

behaviour_placed as (
    -- a person is scored in the account the person mainly belonged to on the day
    select
        behaviour_by_day.*,
        signals.level,
        signals.method,
        signals.category,
        signals.kind,
        signals.rule_key,
        signals.count_rule_signals,
        case signals.level
            when 'user' then person_spans.account_id
            else behaviour_by_day.entity_id
        end as account_id
    from behaviour_by_day
    inner join signals
        on
            behaviour_by_day.model_key = signals.model_key
            and behaviour_by_day.signal_key = signals.signal_key
    left join person_spans
        on
            signals.level = 'user'
            and behaviour_by_day.entity_id = person_spans.person_id
            and behaviour_by_day.score_date >= person_spans.known_from
            and behaviour_by_day.score_date < person_spans.known_to
            and not person_spans.is_withdrawn
),

behaviour_of_scored_days as (
    select behaviour_placed.*
    from behaviour_placed
    inner join account_days
        on
            behaviour_placed.account_id = account_days.account_id
            and behaviour_placed.score_date = account_days.score_date
    inner join models
        on
            behaviour_placed.model_key = models.model_key
            and behaviour_placed.score_date <= models.last_score_date
),

rules_met as (
    -- the signals of a rule count together or not at all
    select
        model_key,
        entity_id,
        score_date,
        rule_key
    from behaviour_of_scored_days
    where count_rule_signals > 1
    group by
        model_key,
        entity_id,
        score_date,
        rule_key
    having count(*) = max(count_rule_signals)
),

behaviour_met as (
    select behaviour_of_scored_days.*
    from behaviour_of_scored_days
    left join rules_met
        on
            behaviour_of_scored_days.model_key = rules_met.model_key
            and behaviour_of_scored_days.entity_id = rules_met.entity_id
            and behaviour_of_scored_days.score_date = rules_met.score_date
            and behaviour_of_scored_days.rule_key = rules_met.rule_key
    where
        behaviour_of_scored_days.count_rule_signals = 1
        or rules_met.rule_key is not null
),

behaviour_running as (
    select
        behaviour_met.model_key,
        behaviour_met.signal_key,
        behaviour_met.entity_id,
        behaviour_met.score_date,
        behaviour_met.decayed_points,
        account_factors.factor,
        cast(sum(behaviour_met.decayed_points) over (
            partition by behaviour_met.model_key, behaviour_met.entity_id, behaviour_met.score_date
            order by behaviour_met.signal_key
            rows between unbounded preceding and current row
        ) as decimal(18, 6)) as decayed_points_so_far
    from behaviour_met
    inner join account_factors
        on
            behaviour_met.model_key = account_factors.model_key
            and behaviour_met.account_id = account_factors.account_id
            and behaviour_met.score_date >= account_factors.valid_from
            and behaviour_met.score_date < account_factors.valid_to
    where behaviour_met.method = 'normalised'
),

behaviour_normalised as (
    -- the difference of two rounded running sums: the shares add up to the rounded whole
    select
        model_key,
        signal_key,
        entity_id,
        score_date,
        round(decayed_points_so_far * factor, 2)
        - round(cast(decayed_points_so_far - decayed_points as decimal(18, 6)) * factor, 2) as points
    from behaviour_running
),

rules_ranked as (
    select
        model_key,
        entity_id,
        score_date,
        rule_key,
        row_number() over (
            partition by model_key, entity_id, score_date
            order by sum(points) desc, rule_key
        ) as place
    from behaviour_met
    where method = 'triggers'
    group by
        model_key,
        entity_id,
        score_date,
        rule_key
),

behaviour_scored as (
    select
        behaviour_met.level,
        behaviour_met.model_key,
        behaviour_met.entity_id,
        behaviour_met.account_id,
        behaviour_met.score_date,
        behaviour_met.signal_key,
        behaviour_met.category,
        case behaviour_met.method
            when 'sum' then behaviour_met.points
            when 'normalised' then behaviour_normalised.points
            -- the strongest rule is the score; what else is met is told, for no points
            when 'triggers' then case when rules_ranked.place = 1 then behaviour_met.points else 0 end
        end as points,
        behaviour_met.points_before_decay,
        behaviour_met.decay_factor,
        behaviour_met.decayed_points,
        behaviour_met.evidence_count,
        behaviour_met.last_seen_at,
        replace(
            replace(
                behaviour_met.sentence,
                '{count}', cast(behaviour_met.evidence_count as varchar)
            ),
            '{value}', coalesce(cast(cast(round(100 * quota_shares.quota_share, 0) as bigint) as varchar), '')
        ) as sentence,
        false as is_missing
    from behaviour_met
    left join behaviour_normalised
        on
            behaviour_met.model_key = behaviour_normalised.model_key
            and behaviour_met.signal_key = behaviour_normalised.signal_key
            and behaviour_met.entity_id = behaviour_normalised.entity_id
            and behaviour_met.score_date = behaviour_normalised.score_date
    left join rules_ranked
        on
            behaviour_met.model_key = rules_ranked.model_key
            and behaviour_met.rule_key = rules_ranked.rule_key
            and behaviour_met.entity_id = rules_ranked.entity_id
            and behaviour_met.score_date = rules_ranked.score_date
    left join quota_shares
        on
            behaviour_met.kind = 'quota_share'
            and behaviour_met.account_id = quota_shares.account_id
            and behaviour_met.last_seen_at = quota_shares.last_event_at
    where
        behaviour_met.method <> 'sum'
        or behaviour_met.points <> 0
),

attributes_of_entities as (
    select
        signals.level,
        account_days.account_id as entity_id,
        account_days.account_id,
        account_days.score_date,
        signals.model_key,
        signals.signal_key,
        account_attributes.is_met,
        account_attributes.number_value,
        account_attributes.evidence_count,
        account_attributes.evidence
    from account_attributes
    inner join signals
        on
            account_attributes.attribute = signals.attribute
            and signals.level = 'account'
    inner join account_days
        on
            account_attributes.account_id = account_days.account_id
            and account_attributes.valid_from <= account_days.score_date
            and account_attributes.valid_to > account_days.score_date
    union all
    -- of a person, on days on which there is anything to say
    select
        signals.level,
        person_days.entity_id,
        person_days.account_id,
        person_days.score_date,
        signals.model_key,
        signals.signal_key,
        person_spans.is_business_email as is_met,
        cast(null as decimal(18, 4)) as number_value,
        1 as evidence_count,
        cast(null as varchar) as evidence
    from (
        select distinct
            model_key,
            entity_id,
            account_id,
            score_date
        from behaviour_scored
        where level = 'user'
    ) as person_days
    inner join signals
        on
            person_days.model_key = signals.model_key
            and signals.attribute = 'business_email'
    inner join person_spans
        on
            person_days.entity_id = person_spans.person_id
            and person_days.score_date >= person_spans.known_from
            and person_days.score_date < person_spans.known_to
            and not person_spans.is_withdrawn
),

attributes_scored as (
    -- what a company is does not fade
    select
        signals.level,
        signals.model_key,
        attributes_of_entities.entity_id,
        attributes_of_entities.account_id,
        attributes_of_entities.score_date,
        signals.signal_key,
        signals.category,
        case when attributes_of_entities.is_met then signals.points else 0 end as points,
        signals.points as points_before_decay,
        1 as decay_factor,
        case when attributes_of_entities.is_met then signals.points else 0 end as decayed_points,
        case when attributes_of_entities.is_met then attributes_of_entities.evidence_count else 0 end as evidence_count,
        cast(null as timestamp) as last_seen_at,
        replace(
            replace(
                case
                    when attributes_of_entities.is_met is null then signals.sentence_missing
                    when attributes_of_entities.evidence_count = 1 then signals.sentence_one
                    else signals.sentence
                end,
                '{count}', cast(attributes_of_entities.evidence_count as varchar)
            ),
            '{text}', coalesce(attributes_of_entities.evidence, '')
        ) as sentence,
        attributes_of_entities.is_met is null as is_missing
    from attributes_of_entities
    inner join signals
        on
            attributes_of_entities.model_key = signals.model_key
            and attributes_of_entities.signal_key = signals.signal_key
    inner join models
        on
            attributes_of_entities.model_key = models.model_key
            and attributes_of_entities.score_date <= models.last_score_date
    where
        attributes_of_entities.is_met is null
        or (
            attributes_of_entities.is_met
            and attributes_of_entities.evidence_count >= signals.min_count
            and (signals.threshold is null or attributes_of_entities.number_value >= signals.threshold)
        )
),

reasons as (
    select * from behaviour_scored
    union all
    select * from attributes_scored
),

caps as (
    select
        reasons.level,
        reasons.model_key,
        reasons.entity_id,
        max(reasons.account_id) as account_id,
        reasons.score_date,
        'cap' as signal_key,
        'cap' as category,
        models.max_points - sum(reasons.points) as points,
        models.max_points - sum(reasons.points) as points_before_decay,
        1 as decay_factor,
        models.max_points - sum(reasons.points) as decayed_points,
        count(*) as evidence_count,
        cast(null as timestamp) as last_seen_at,
        concat('Capped at the most of the model, ', cast(models.max_points as varchar), ' points.') as sentence,
        false as is_missing
    from reasons
    inner join models on reasons.model_key = models.model_key
    where models.is_capped
    group by
        reasons.level,
        reasons.model_key,
        reasons.entity_id,
        reasons.score_date,
        models.max_points
    having sum(reasons.points) > models.max_points
),

reasons_and_caps as (
    select * from reasons
    union all
    select * from caps
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
        cast(points as decimal(9, 2)) as points,
        cast(points_before_decay as decimal(9, 2)) as points_before_decay,
        cast(decay_factor as decimal(9, 6)) as decay_factor,
        cast(decayed_points as decimal(18, 6)) as decayed_points,
        cast(evidence_count as bigint) as evidence_count,
        last_seen_at,
        sentence,
        is_missing
    from reasons_and_caps
)

select * from final
