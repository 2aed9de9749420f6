with

signals as (
    select * from {{ ref('int_pql__signals') }}
),

occurrences as (
    select * from {{ ref('int_pql__occurrences') }}
),

counted_events as (
    select
        occurrences.model_key,
        occurrences.signal_key,
        occurrences.account_id,
        occurrences.known_date as valid_from,
        occurrences.expires_date as valid_to,
        cast(sum(occurrences.count_events) as bigint) as count_units
    from occurrences
    inner join signals
        on
            occurrences.model_key = signals.model_key
            and occurrences.signal_key = signals.signal_key
    where signals.kind in ('event_count', 'quota_share')
    group by
        occurrences.model_key,
        occurrences.signal_key,
        occurrences.account_id,
        occurrences.known_date,
        occurrences.expires_date
),

days_first_known as (
    -- a day counts once, from the first time anything of it was known
    select
        occurrences.model_key,
        occurrences.signal_key,
        occurrences.account_id,
        occurrences.activity_date,
        min(occurrences.known_date) as valid_from,
        max(occurrences.expires_date) as valid_to
    from occurrences
    inner join signals
        on
            occurrences.model_key = signals.model_key
            and occurrences.signal_key = signals.signal_key
    where signals.kind = 'distinct_days'
    group by
        occurrences.model_key,
        occurrences.signal_key,
        occurrences.account_id,
        occurrences.activity_date
),

days_counted as (
    select
        model_key,
        signal_key,
        account_id,
        valid_from,
        valid_to,
        count(*) as count_units
    from days_first_known
    group by
        model_key,
        signal_key,
        account_id,
        valid_from,
        valid_to
),

people_seen as (
    -- how far the windows of what a person did before reach
    select
        occurrences.model_key,
        occurrences.signal_key,
        occurrences.account_id,
        occurrences.person_id,
        occurrences.known_date,
        occurrences.expires_date,
        max(occurrences.expires_date) over (
            partition by
                occurrences.model_key,
                occurrences.signal_key,
                occurrences.account_id,
                occurrences.person_id
            order by occurrences.known_date, occurrences.expires_date
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from occurrences
    inner join signals
        on
            occurrences.model_key = signals.model_key
            and occurrences.signal_key = signals.signal_key
    where
        signals.kind = 'distinct_users'
        and occurrences.person_id is not null
),

people_stretches as (
    -- windows that touch are one stretch over which the person counts once
    select
        model_key,
        signal_key,
        account_id,
        person_id,
        known_date,
        expires_date,
        sum(case when covered_until >= known_date then 0 else 1 end) over (
            partition by model_key, signal_key, account_id, person_id
            order by known_date, expires_date
            rows between unbounded preceding and current row
        ) as stretch_number
    from people_seen
),

people_merged as (
    select
        model_key,
        signal_key,
        account_id,
        person_id,
        stretch_number,
        min(known_date) as valid_from,
        max(expires_date) as valid_to
    from people_stretches
    group by
        model_key,
        signal_key,
        account_id,
        person_id,
        stretch_number
),

people_counted as (
    select
        model_key,
        signal_key,
        account_id,
        valid_from,
        valid_to,
        count(*) as count_units
    from people_merged
    group by
        model_key,
        signal_key,
        account_id,
        valid_from,
        valid_to
),

final as (
    select * from counted_events
    union all
    select * from days_counted
    union all
    select * from people_counted
)

select * from final
