with

subscription_snapshots as (
    select * from {{ ref('base_stripe__subscription_snapshots') }}
),

items_of_newer_versions as (
    -- since 2025 every item has a period of its own and the subscription none
    select
        event_id,
        {{ json_array_explode('snapshot.items.data') }}
    from subscription_snapshots
    where snapshot.current_period_end is null
),

item_periods as (
    select
        event_id,
        min(element.current_period_start) as current_period_start,
        min(element.current_period_end) as current_period_end
    from items_of_newer_versions
    group by event_id
),

seconds_with_several as (
    -- Stripe's event ids tell no order: what another event of the second changed away from was first
    select
        subscription_id,
        effective_at,
        max(status_before) as status_left
    from subscription_snapshots
    where event_rank = 2
    group by 1, 2
    having count(*) > 1
),

snapshots_with_periods as (
    select
        subscription_snapshots.*,
        coalesce(
            subscription_snapshots.event_rank = 2
            and subscription_snapshots.status = seconds_with_several.status_left
            and subscription_snapshots.status is distinct from subscription_snapshots.status_before, false
        ) as is_first_of_second,
        subscription_snapshots.event_type like 'list.subscription.%' as is_beginning,
        item_periods.current_period_start as items_period_start,
        item_periods.current_period_end as items_period_end
    from subscription_snapshots
    left join item_periods
        on subscription_snapshots.event_id = item_periods.event_id
    left join seconds_with_several
        on
            subscription_snapshots.subscription_id = seconds_with_several.subscription_id
            and subscription_snapshots.effective_at = seconds_with_several.effective_at
),

final as (
    select
        -- keys
        event_id,
        subscription_id,
        {{ stripe_id('snapshot.customer') }} as customer_id,
        snapshot.metadata.account_id as metadata_account_id,
        -- attributes
        event_type,
        case when is_first_of_second then 1 else event_rank end as event_rank,
        status,
        upper(snapshot.currency) as currency,
        snapshot.collection_method as collection_method,
        snapshot.cancellation_details.reason as cancellation_reason,
        snapshot.cancellation_details.feedback as cancellation_feedback,
        -- of a beginning nobody saw only what came later is known: the end was not asked for yet
        coalesce(snapshot.cancel_at_period_end, false)
        and not coalesce(is_beginning and effective_at < {{ epoch_seconds_at('snapshot.canceled_at') }}, false)
            as is_cancel_at_period_end,
        snapshot.pause_collection is not null as is_collection_paused,
        event_type like 'list.%' as is_from_list,
        known_in_load,
        -- times
        effective_at,
        event_created_at,
        known_at,
        {{ epoch_seconds_at('snapshot.start_date') }} as started_at,
        {{ epoch_seconds_at('coalesce(snapshot.current_period_start, items_period_start)') }} as current_period_started_at,
        {{ epoch_seconds_at('coalesce(snapshot.current_period_end, items_period_end)') }} as current_period_ends_at,
        {{ epoch_seconds_at('snapshot.trial_start') }} as trial_started_at,
        {{ epoch_seconds_at('snapshot.trial_end') }} as trial_ends_at,
        {{ epoch_seconds_at('snapshot.pause_collection.resumes_at') }} as resumes_at,
        case
            when not coalesce(is_beginning and effective_at < {{ epoch_seconds_at('snapshot.canceled_at') }}, false)
                then {{ epoch_seconds_at('snapshot.cancel_at') }}
        end as cancel_at,
        {{ epoch_seconds_at('snapshot.canceled_at') }} as cancel_requested_at,
        {{ epoch_seconds_at('snapshot.ended_at') }} as ended_at
    from snapshots_with_periods
)

select * from final
