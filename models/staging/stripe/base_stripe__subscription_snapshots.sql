with

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
),

stripe_objects as (
    select * from {{ source('raw', 'stripe_objects') }}
),

-- the many bytes of the objects stay out of the sort that finds events sent again
lines_numbered as (
    select
        file_id,
        line_number,
        row_number() over (partition by event_id order by load_id, file_id, line_number) as copy_number
    from stripe_events
    where event_type like 'customer.subscription.%'
),

lines_repeated as (
    select
        file_id,
        line_number
    from lines_numbered
    where copy_number > 1
),

events_once as (
    -- every event about a subscription carries the whole subscription as it then was
    select
        stripe_events.event_id,
        stripe_events.event_type,
        stripe_events.object_id as subscription_id,
        stripe_events.created_at as effective_at,
        stripe_events.received_at as known_at,
        {{ json_struct('stripe_events.object', stripe_subscription_shape()) }} as snapshot
    from stripe_events
    left join lines_repeated
        on
            stripe_events.file_id = lines_repeated.file_id
            and stripe_events.line_number = lines_repeated.line_number
    where
        stripe_events.event_type like 'customer.subscription.%'
        and coalesce(stripe_events.is_livemode, true)
        and lines_repeated.file_id is null
),

subscriptions_with_events as (
    select distinct subscription_id from events_once
),

pulls_without_events as (
    select
        stripe_objects.object_id as subscription_id,
        stripe_objects.pulled_at as known_at,
        {{ json_struct('stripe_objects.object', stripe_subscription_shape()) }} as snapshot
    from stripe_objects
    left join subscriptions_with_events
        on stripe_objects.object_id = subscriptions_with_events.subscription_id
    where
        stripe_objects.object_type = 'subscription'
        and coalesce(stripe_objects.is_livemode, true)
        and subscriptions_with_events.subscription_id is null
    qualify row_number() over (
        partition by stripe_objects.object_id
        order by stripe_objects.pulled_at desc, stripe_objects.load_id desc, stripe_objects.line_number desc
    ) = 1
),

pulls_dated as (
    select
        *,
        {{ epoch_seconds_at('coalesce(snapshot.start_date, snapshot.created)') }} as started_at,
        {{ epoch_seconds_at('snapshot.trial_end') }} as trial_ended_at,
        {{ epoch_seconds_at('coalesce(snapshot.ended_at, snapshot.canceled_at)') }} as ended_at,
        coalesce(snapshot.trial_end > coalesce(snapshot.start_date, snapshot.created), false) as had_trial,
        snapshot.status = 'canceled' as has_ended
    from pulls_without_events
),

pulls_as_events as (
    -- one pull tells of up to three moments: the start, the end of a trial, the end
    select
        subscription_id || ':pulled:start' as event_id,
        'list.subscription.started' as event_type,
        subscription_id,
        started_at as effective_at,
        known_at,
        snapshot,
        case
            when had_trial then 'trialing'
            when has_ended then 'active'
            else snapshot.status
        end as status
    from pulls_dated

    union all

    select
        subscription_id || ':pulled:trial_end' as event_id,
        'list.subscription.trial_ended' as event_type,
        subscription_id,
        trial_ended_at as effective_at,
        known_at,
        snapshot,
        case when has_ended then 'active' else snapshot.status end as status
    from pulls_dated
    where
        had_trial
        and snapshot.status <> 'trialing'
        and not coalesce(ended_at <= trial_ended_at, false)

    union all

    select
        subscription_id || ':pulled:end' as event_id,
        'list.subscription.ended' as event_type,
        subscription_id,
        ended_at as effective_at,
        known_at,
        snapshot,
        'canceled' as status
    from pulls_dated
    where has_ended
),

final as (
    select
        event_id,
        event_type,
        case
            when event_type like '%.created' then 0
            when event_type like '%.deleted' then 2
            else 1
        end as event_rank,
        subscription_id,
        case when event_type like '%.deleted' then 'canceled' else snapshot.status end as status,
        snapshot,
        effective_at,
        known_at
    from events_once

    union all

    select
        event_id,
        event_type,
        1 as event_rank,
        subscription_id,
        status,
        snapshot,
        effective_at,
        known_at
    from pulls_as_events
)

select * from final
