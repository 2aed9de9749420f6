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
        stripe_events.created_at as event_created_at,
        stripe_events.received_at as known_at,
        stripe_events.load_id as known_in_load,
        {{ json_text('stripe_events.previous_attributes', 'status') }} as status_before,
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

pulls as (
    select
        stripe_objects.object_id as subscription_id,
        stripe_objects.pulled_at as known_at,
        stripe_objects.load_id as known_in_load,
        {{ json_struct('stripe_objects.object', stripe_subscription_shape()) }} as snapshot
    from stripe_objects
    where
        stripe_objects.object_type = 'subscription'
        and coalesce(stripe_objects.is_livemode, true)
    -- of one moment the object read last
    qualify row_number() over (
        partition by stripe_objects.object_id, stripe_objects.pulled_at
        order by stripe_objects.load_id desc, stripe_objects.file_id desc, stripe_objects.line_number desc
    ) = 1
),

sightings as (
    -- a backdated subscription holds from its start, though Stripe made it later
    select
        event_id,
        event_type,
        subscription_id,
        case
            when
                event_type like '%.created'
                and {{ epoch_seconds_at('snapshot.start_date') }} < event_created_at
                then {{ epoch_seconds_at('snapshot.start_date') }}
            else event_created_at
        end as effective_at,
        case
            when event_type like '%.created' then 0
            when event_type like '%.deleted' then 2
            else 1
        end as event_rank,
        case when event_type like '%.deleted' then 'canceled' else snapshot.status end as status,
        status_before,
        snapshot,
        event_created_at,
        known_at,
        known_in_load
    from events_once

    union all

    -- what a pull shows held just before it, or, where it shows an end, from then on
    select
        subscription_id || ':pulled:' || cast(known_at as varchar) as event_id,
        'list.subscription' as event_type,
        subscription_id,
        case
            when
                snapshot.status = 'canceled'
                and {{ epoch_seconds_at('coalesce(snapshot.ended_at, snapshot.canceled_at)') }} < known_at
                then {{ epoch_seconds_at('coalesce(snapshot.ended_at, snapshot.canceled_at)') }}
            else known_at - interval '1' microsecond
        end as effective_at,
        3 as event_rank,
        snapshot.status,
        cast(null as varchar) as status_before,
        snapshot,
        known_at as event_created_at,
        known_at,
        known_in_load
    from pulls
),

first_sightings as (
    select
        event_id,
        subscription_id
    from sightings
    qualify row_number() over (
        partition by subscription_id order by effective_at, event_rank, event_id
    ) = 1
),

begun_unseen as (
    -- the log, or our knowledge of it, begins in the middle of the subscription's life
    select
        sightings.subscription_id,
        sightings.snapshot,
        sightings.effective_at as first_seen_at,
        sightings.event_created_at,
        sightings.known_at,
        sightings.known_in_load,
        {{ epoch_seconds_at('coalesce(sightings.snapshot.start_date, sightings.snapshot.created)') }} as started_at,
        {{ epoch_seconds_at('sightings.snapshot.trial_end') }} as trial_ended_at,
        coalesce(
            sightings.snapshot.trial_end
            > coalesce(sightings.snapshot.start_date, sightings.snapshot.created), false
        ) as had_trial,
        coalesce(
            sightings.status_before,
            case sightings.status
                when 'canceled' then 'active'
                when 'incomplete_expired' then 'incomplete'
                else sightings.status
            end
        ) as status
    from sightings
    inner join first_sightings
        on sightings.event_id = first_sightings.event_id
    where sightings.event_type not like '%.created'
),

beginnings as (
    select
        subscription_id || ':start' as event_id,
        'list.subscription.started' as event_type,
        subscription_id,
        started_at as effective_at,
        case when had_trial then 'trialing' else status end as status,
        snapshot,
        event_created_at,
        known_at,
        known_in_load
    from begun_unseen
    where started_at < first_seen_at

    union all

    select
        subscription_id || ':trial_end' as event_id,
        'list.subscription.trial_ended' as event_type,
        subscription_id,
        trial_ended_at as effective_at,
        status,
        snapshot,
        event_created_at,
        known_at,
        known_in_load
    from begun_unseen
    where
        had_trial
        and status <> 'trialing'
        and trial_ended_at < first_seen_at
),

final as (
    select
        event_id,
        event_type,
        event_rank,
        subscription_id,
        status,
        snapshot,
        effective_at,
        event_created_at,
        known_at,
        known_in_load
    from sightings

    union all

    select
        event_id,
        event_type,
        0 as event_rank,
        subscription_id,
        status,
        snapshot,
        effective_at,
        event_created_at,
        known_at,
        known_in_load
    from beginnings
)

select * from final
