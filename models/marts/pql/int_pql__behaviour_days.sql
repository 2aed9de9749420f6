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

person_log as (
    select * from {{ ref('int_pql__person_log') }}
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

periods_spread as (
    -- a period spread to its days: the age of its evidence is the day and the decay at once
    select
        signals.level,
        signals.method,
        signals.rule_key,
        signals.count_rule_signals,
        signals.category,
        periods_to_score.model_key,
        periods_to_score.signal_key,
        periods_to_score.entity_id,
        {{ add_days('periods_to_score.last_seen_at', 'signal_decay.age_days') }} as score_date,
        signal_decay.age_days,
        signal_decay.decayed_points,
        signal_decay.points,
        periods_to_score.evidence_count,
        periods_to_score.last_seen_at
    from periods_to_score
    inner join signals
        on
            periods_to_score.model_key = signals.model_key
            and periods_to_score.signal_key = signals.signal_key
    inner join signal_decay
        on
            periods_to_score.model_key = signal_decay.model_key
            and periods_to_score.signal_key = signal_decay.signal_key
            and signal_decay.age_days >= {{ days_between('periods_to_score.last_seen_at', 'periods_to_score.valid_from') }}
            and signal_decay.age_days < {{ days_between('periods_to_score.last_seen_at', 'periods_to_score.valid_to') }}
),

periods_placed as (
    -- a person is scored in the account the person mainly belonged to on the day
    select
        periods_spread.*,
        case periods_spread.level
            when 'user' then person_spans.account_id
            else periods_spread.entity_id
        end as account_id
    from periods_spread
    left join person_spans
        on
            periods_spread.level = 'user'
            and periods_spread.entity_id = person_spans.person_id
            and periods_spread.score_date >= person_spans.known_from
            and periods_spread.score_date < person_spans.known_to
            and not person_spans.is_withdrawn
),

behaviour as (
    select periods_placed.*
    from periods_placed
    inner join account_days
        on
            periods_placed.account_id = account_days.account_id
            and periods_placed.score_date = account_days.score_date
    inner join models
        on
            periods_placed.model_key = models.model_key
            and periods_placed.score_date <= models.last_score_date
),

behaviour_with_rules as (
    -- the signals of a rule count together or not at all
    select
        *,
        count(*) over (partition by model_key, entity_id, score_date, rule_key) as count_signals_met
    from behaviour
    where
        method <> 'sum'
        or count_rule_signals > 1
),

rules_met as (
    select
        *,
        sum(points) over (partition by model_key, entity_id, score_date, rule_key) as rule_points
    from behaviour_with_rules
    where count_signals_met = count_rule_signals
),

rules_running as (
    select
        rules_met.*,
        account_factors.factor,
        cast(sum(rules_met.decayed_points) over (
            partition by rules_met.model_key, rules_met.entity_id, rules_met.score_date
            order by rules_met.signal_key
            rows between unbounded preceding and current row
        ) as decimal(18, 6)) as decayed_points_so_far,
        dense_rank() over (
            partition by rules_met.model_key, rules_met.entity_id, rules_met.score_date
            order by rules_met.rule_points desc, rules_met.rule_key
        ) as rule_place
    from rules_met
    left join account_factors
        on
            rules_met.model_key = account_factors.model_key
            and rules_met.account_id = account_factors.account_id
            and rules_met.score_date >= account_factors.valid_from
            and rules_met.score_date < account_factors.valid_to
),

final as (
    select
        level,
        model_key,
        signal_key,
        entity_id,
        account_id,
        score_date,
        category,
        cast(age_days as bigint) as age_days,
        cast(points as decimal(9, 2)) as points,
        evidence_count,
        last_seen_at
    from behaviour
    where
        method = 'sum'
        and count_rule_signals = 1
        and points <> 0
    union all
    select
        level,
        model_key,
        signal_key,
        entity_id,
        account_id,
        score_date,
        category,
        cast(age_days as bigint) as age_days,
        cast(case method
            -- the difference of two rounded running sums: the shares add up to the rounded whole
            when 'normalised'
                then
                    round(decayed_points_so_far * factor, 2)
                    - round(cast(decayed_points_so_far - decayed_points as decimal(18, 6)) * factor, 2)
            -- the strongest rule is the score; what else is met is told, for no points
            when 'triggers' then case when rule_place = 1 then points else 0 end
            else points
        end as decimal(9, 2)) as points,
        evidence_count,
        last_seen_at
    from rules_running
)

select * from final
