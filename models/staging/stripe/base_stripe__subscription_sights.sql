with

stripe_events as (
    select * from {{ source('raw', 'stripe_events') }}
    where event_type like 'customer.subscription.%'
),

stripe_objects as (
    select * from {{ source('raw', 'stripe_objects') }}
    where
        object_type = 'subscription'
        and coalesce(is_livemode, true)
),

-- the many bytes of the objects stay out of the sorts that find events sent again, and where
-- what is known of a subscription begins
events_numbered as (
    select
        file_id,
        line_number,
        event_id,
        event_type,
        object_id as subscription_id,
        created_at as seen_at,
        coalesce(is_livemode, true) as is_livemode,
        row_number() over (partition by event_id order by load_id, file_id, line_number) as copy_number
    from stripe_events
),

lines_repeated as (
    select
        file_id,
        line_number
    from events_numbered
    where copy_number > 1
),

pulls_numbered as (
    -- of one moment the object read last
    select
        file_id,
        line_number,
        object_id as subscription_id,
        pulled_at as seen_at,
        row_number() over (
            partition by object_id, pulled_at order by load_id desc, file_id desc, line_number desc
        ) as copy_number
    from stripe_objects
),

pull_lines as (
    select
        file_id,
        line_number,
        subscription_id,
        seen_at
    from pulls_numbered
    where copy_number = 1
),

lines_of_both as (
    select
        file_id,
        line_number,
        event_id,
        subscription_id,
        event_type,
        seen_at
    from events_numbered
    where
        copy_number = 1
        and is_livemode
    union all
    select
        file_id,
        line_number,
        'list' as event_id,
        subscription_id,
        'list.subscription' as event_type,
        seen_at
    from pull_lines
),

first_lines as (
    -- where the first thing seen is not the creation, something lies before it
    select
        file_id,
        line_number,
        event_type
    from lines_of_both
    qualify row_number() over (
        partition by subscription_id
        order by seen_at, case when event_type like '%.created' then 0 else 1 end, event_id
    ) = 1
),

lines_begun_unseen as (
    select
        file_id,
        line_number
    from first_lines
    where event_type not like '%.created'
),

sights as (
    -- every event about a subscription carries the whole subscription as it then was
    select
        stripe_events.event_id,
        stripe_events.event_type,
        case
            when stripe_events.event_type like '%.created' then 0
            when stripe_events.event_type like '%.deleted' then 3
            else 2
        end as event_rank,
        stripe_events.object_id as subscription_id,
        stripe_events.created_at as seen_at,
        stripe_events.created_at as event_created_at,
        stripe_events.received_at as known_at,
        stripe_events.load_id as known_in_load,
        stripe_events.previous_attributes,
        stripe_events.file_id,
        stripe_events.line_number,
        {{ json_struct('stripe_events.object', stripe_subscription_shape()) }} as snapshot
    from stripe_events
    left join lines_repeated
        on
            stripe_events.file_id = lines_repeated.file_id
            and stripe_events.line_number = lines_repeated.line_number
    where
        coalesce(stripe_events.is_livemode, true)
        and lines_repeated.file_id is null

    union all

    -- what a pull shows held just before it
    select
        stripe_objects.object_id || ':pulled:' || cast(stripe_objects.pulled_at as varchar) as event_id,
        'list.subscription' as event_type,
        4 as event_rank,
        stripe_objects.object_id as subscription_id,
        stripe_objects.pulled_at - interval '1' microsecond as seen_at,
        stripe_objects.pulled_at as event_created_at,
        stripe_objects.pulled_at as known_at,
        stripe_objects.load_id as known_in_load,
        '{}' as previous_attributes,
        stripe_objects.file_id,
        stripe_objects.line_number,
        {{ json_struct('stripe_objects.object', stripe_subscription_shape()) }} as snapshot
    from stripe_objects
    inner join pull_lines
        on
            stripe_objects.file_id = pull_lines.file_id
            and stripe_objects.line_number = pull_lines.line_number
),

final as (
    select
        sights.event_id,
        sights.event_type,
        sights.event_rank,
        sights.subscription_id,
        case when sights.event_type like '%.deleted' then 'canceled' else sights.snapshot.status end as status,
        {{ json_text('sights.previous_attributes', 'status') }} as status_before,
        lines_begun_unseen.file_id is not null as has_begun_unseen,
        sights.snapshot,
        case
            -- a backdated subscription holds from its start, though Stripe made it later
            when sights.event_type like '%.created'
                then least(sights.seen_at, coalesce({{ epoch_seconds_at('sights.snapshot.start_date') }}, sights.seen_at))
            -- a pull that shows an end tells when it was
            when sights.event_type = 'list.subscription' and sights.snapshot.status = 'canceled'
                then
                    least(
                        sights.seen_at,
                        coalesce(
                            {{ epoch_seconds_at('coalesce(sights.snapshot.ended_at, sights.snapshot.canceled_at)') }},
                            sights.seen_at
                        )
                    )
            else sights.seen_at
        end as effective_at,
        sights.event_created_at,
        sights.known_at,
        sights.known_in_load
    from sights
    left join lines_begun_unseen
        on
            sights.file_id = lines_begun_unseen.file_id
            and sights.line_number = lines_begun_unseen.line_number
)

select * from final
