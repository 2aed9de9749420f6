with

outcomes as (
    select * from {{ ref('int_pql__handoff_outcomes') }}
    where is_accepted or is_rejected
),

score_reasons as (
    select * from {{ ref('fct_score_reasons') }}
    where points <> 0
),

signals_present as (
    -- as it was on the day it qualified
    select
        outcomes.handoff_id,
        outcomes.model_key,
        outcomes.is_accepted,
        outcomes.rejection_reason,
        score_reasons.signal_key
    from outcomes
    inner join score_reasons
        on
            outcomes.model_key = score_reasons.model_key
            and outcomes.account_id = score_reasons.account_id
            and outcomes.qualified_date = score_reasons.score_date
    union all
    select
        handoff_id,
        model_key,
        is_accepted,
        rejection_reason,
        'all' as signal_key
    from outcomes
),

answers as (
    select
        model_key,
        signal_key,
        rejection_reason as reason,
        is_accepted
    from signals_present
    union all
    select
        model_key,
        signal_key,
        'all' as reason,
        is_accepted
    from signals_present
    where not is_accepted
),

rejected as (
    select
        model_key,
        reason,
        signal_key,
        count(*) as count_rejected
    from answers
    where reason is not null
    group by 1, 2, 3
),

accepted as (
    select
        model_key,
        signal_key,
        count(*) as count_accepted
    from answers
    where is_accepted
    group by 1, 2
),

shares as (
    select
        rejected.model_key,
        rejected.reason,
        rejected.signal_key,
        rejected.count_rejected,
        all_signals.count_rejected as count_rejected_for_reason,
        coalesce(accepted.count_accepted, 0) as count_accepted,
        coalesce(all_accepted.count_accepted, 0) as count_accepted_in_all
    from rejected
    inner join rejected as all_signals
        on
            rejected.model_key = all_signals.model_key
            and rejected.reason = all_signals.reason
            and all_signals.signal_key = 'all'
    left join accepted
        on
            rejected.model_key = accepted.model_key
            and rejected.signal_key = accepted.signal_key
    left join accepted as all_accepted
        on
            rejected.model_key = all_accepted.model_key
            and all_accepted.signal_key = 'all'
),

final as (
    select
        -- keys
        model_key,
        reason,
        signal_key,
        -- measures
        count_rejected,
        count_rejected_for_reason,
        cast(count_rejected as double) / count_rejected_for_reason as share_of_rejected,
        count_accepted,
        count_accepted_in_all,
        case when count_accepted_in_all > 0 then cast(count_accepted as double) / count_accepted_in_all end as share_of_accepted,
        case
            when count_accepted > 0
                then
                    (cast(count_rejected as double) / count_rejected_for_reason)
                    / (cast(count_accepted as double) / count_accepted_in_all)
        end as lift
    from shares
)

select * from final
