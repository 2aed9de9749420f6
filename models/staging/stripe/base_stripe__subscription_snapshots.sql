with

sights as (
    select * from {{ ref('base_stripe__subscription_sights') }}
),

begun_unseen as (
    -- the log, or our knowledge of it, begins in the middle of the subscription's life
    select
        *,
        {{ epoch_seconds_at('coalesce(snapshot.start_date, snapshot.created)') }} as started_at,
        {{ epoch_seconds_at('snapshot.trial_end') }} as trial_ended_at,
        coalesce(snapshot.trial_end > coalesce(snapshot.start_date, snapshot.created), false) as had_trial,
        coalesce(
            status_before,
            case status
                when 'canceled' then 'active'
                when 'incomplete_expired' then 'incomplete'
                else status
            end
        ) as status_unseen
    from sights
    where has_begun_unseen
),

final as (
    select
        event_id,
        event_type,
        event_rank,
        subscription_id,
        status,
        status_before,
        snapshot,
        effective_at,
        event_created_at,
        known_at,
        known_in_load
    from sights

    union all

    select
        subscription_id || ':start' as event_id,
        'list.subscription.started' as event_type,
        0 as event_rank,
        subscription_id,
        case when had_trial then 'trialing' else status_unseen end as status,
        cast(null as varchar) as status_before,
        snapshot,
        started_at as effective_at,
        event_created_at,
        known_at,
        known_in_load
    from begun_unseen
    where started_at < effective_at

    union all

    select
        subscription_id || ':trial_end' as event_id,
        'list.subscription.trial_ended' as event_type,
        0 as event_rank,
        subscription_id,
        status_unseen as status,
        cast(null as varchar) as status_before,
        snapshot,
        trial_ended_at as effective_at,
        event_created_at,
        known_at,
        known_in_load
    from begun_unseen
    where
        had_trial
        and status_unseen <> 'trialing'
        and trial_ended_at < effective_at
)

select * from final
