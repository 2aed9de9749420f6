with

account_days as (
    select * from {{ ref('int_pql__account_days') }}
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

account_attributes as (
    select * from {{ ref('int_pql__account_attributes') }}
),

quota_usage as (
    select * from {{ ref('fct_quota_usage') }}
),

behaviour_by_day as (
    -- a period spread to its days: the age of its evidence is the day and the decay at once
    select
        signal_periods.model_key,
        signal_periods.signal_key,
        signal_periods.account_id,
        {{ add_days('signal_periods.last_seen_at', 'signal_decay.age_days') }} as score_date,
        signal_decay.points,
        signal_periods.evidence_count,
        signal_periods.last_seen_at,
        case
            when signal_periods.evidence_count = 1 then signal_decay.sentence_one
            else signal_decay.sentence
        end as sentence
    from signal_periods
    inner join signal_decay
        on
            signal_periods.model_key = signal_decay.model_key
            and signal_periods.signal_key = signal_decay.signal_key
            and signal_decay.age_days >= {{ days_between('signal_periods.last_seen_at', 'signal_periods.valid_from') }}
            and signal_decay.age_days < {{ days_between('signal_periods.last_seen_at', 'signal_periods.valid_to') }}
),

quota_shares as (
    select
        account_id,
        reported_at,
        max(quota_share) as quota_share
    from quota_usage
    group by account_id, reported_at
),

behaviour_scored as (
    select
        behaviour_by_day.model_key,
        behaviour_by_day.account_id,
        behaviour_by_day.score_date,
        behaviour_by_day.signal_key,
        signals.category,
        behaviour_by_day.points,
        behaviour_by_day.evidence_count,
        behaviour_by_day.last_seen_at,
        replace(
            replace(
                behaviour_by_day.sentence,
                '{count}', cast(behaviour_by_day.evidence_count as varchar)
            ),
            '{value}', coalesce(cast(cast(round(100 * quota_shares.quota_share, 0) as bigint) as varchar), '')
        ) as sentence,
        false as is_missing
    from behaviour_by_day
    inner join account_days
        on
            behaviour_by_day.account_id = account_days.account_id
            and behaviour_by_day.score_date = account_days.score_date
    inner join signals
        on
            behaviour_by_day.model_key = signals.model_key
            and behaviour_by_day.signal_key = signals.signal_key
    left join quota_shares
        on
            behaviour_by_day.account_id = quota_shares.account_id
            and behaviour_by_day.last_seen_at = quota_shares.reported_at
            and signals.kind = 'quota_share'
    where behaviour_by_day.points <> 0
),

attributes_scored as (
    -- what a company is does not fade
    select
        signals.model_key,
        account_days.account_id,
        account_days.score_date,
        signals.signal_key,
        signals.category,
        case
            when account_attributes.is_met then signals.points
            else 0
        end as points,
        account_attributes.evidence_count,
        cast(null as timestamp) as last_seen_at,
        replace(
            replace(
                case
                    when account_attributes.is_met is null then signals.sentence_missing
                    when account_attributes.evidence_count = 1 then signals.sentence_one
                    else signals.sentence
                end,
                '{count}', cast(account_attributes.evidence_count as varchar)
            ),
            '{text}', coalesce(account_attributes.evidence, '')
        ) as sentence,
        account_attributes.is_met is null as is_missing
    from account_attributes
    inner join signals
        on
            account_attributes.attribute = signals.attribute
            and signals.kind = 'attribute'
    inner join account_days
        on
            account_attributes.account_id = account_days.account_id
            and account_attributes.valid_from <= account_days.score_date
            and account_attributes.valid_to > account_days.score_date
    where
        account_attributes.is_met is null
        or (account_attributes.evidence_count >= signals.min_count and account_attributes.is_met)
),

final as (
    select
        model_key,
        account_id,
        score_date,
        signal_key,
        category,
        cast(points as decimal(9, 2)) as points,
        evidence_count,
        last_seen_at,
        sentence,
        is_missing
    from behaviour_scored
    union all
    select
        model_key,
        account_id,
        score_date,
        signal_key,
        category,
        cast(points as decimal(9, 2)) as points,
        evidence_count,
        last_seen_at,
        sentence,
        is_missing
    from attributes_scored
)

select * from final
