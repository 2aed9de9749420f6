with

subscription_snapshots as (
    select * from {{ ref('base_stripe__subscription_snapshots') }}
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
        event_rank,
        status,
        upper(snapshot.currency) as currency,
        snapshot.collection_method as collection_method,
        snapshot.cancellation_details.reason as cancellation_reason,
        snapshot.cancellation_details.feedback as cancellation_feedback,
        coalesce(snapshot.cancel_at_period_end, false) as is_cancel_at_period_end,
        snapshot.pause_collection is not null as is_collection_paused,
        event_type like 'list.%' as is_from_list,
        -- times
        effective_at,
        known_at,
        {{ epoch_seconds_at('snapshot.start_date') }} as started_at,
        {{ epoch_seconds_at('snapshot.current_period_start') }} as current_period_started_at,
        {{ epoch_seconds_at('snapshot.current_period_end') }} as current_period_ends_at,
        {{ epoch_seconds_at('snapshot.trial_start') }} as trial_started_at,
        {{ epoch_seconds_at('snapshot.trial_end') }} as trial_ends_at,
        {{ epoch_seconds_at('snapshot.cancel_at') }} as cancel_at,
        {{ epoch_seconds_at('snapshot.canceled_at') }} as cancel_requested_at,
        {{ epoch_seconds_at('snapshot.ended_at') }} as ended_at
    from subscription_snapshots
)

select * from final
