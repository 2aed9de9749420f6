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

distinct_things as (
    -- a day or a person counts once however often it occurs within the window
    select
        occurrences.model_key,
        occurrences.signal_key,
        occurrences.account_id,
        case
            when signals.kind = 'distinct_days' then cast(occurrences.activity_date as varchar)
            else occurrences.person_id
        end as thing,
        occurrences.known_date as valid_from,
        occurrences.expires_date as valid_to
    from occurrences
    inner join signals
        on
            occurrences.model_key = signals.model_key
            and occurrences.signal_key = signals.signal_key
    where signals.kind in ('distinct_days', 'distinct_users')
),

overlaps_marked as (
    select
        *,
        max(valid_to) over (
            partition by model_key, signal_key, account_id, thing
            order by valid_from, valid_to
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from distinct_things
    where thing is not null
),

stretches_numbered as (
    select
        *,
        sum(case when covered_until >= valid_from then 0 else 1 end) over (
            partition by model_key, signal_key, account_id, thing
            order by valid_from, valid_to
            rows between unbounded preceding and current row
        ) as stretch_number
    from overlaps_marked
),

things_merged as (
    select
        model_key,
        signal_key,
        account_id,
        thing,
        stretch_number,
        min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from stretches_numbered
    group by
        model_key,
        signal_key,
        account_id,
        thing,
        stretch_number
),

things_counted as (
    select
        model_key,
        signal_key,
        account_id,
        valid_from,
        valid_to,
        count(*) as count_units
    from things_merged
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
    select * from things_counted
)

select * from final
