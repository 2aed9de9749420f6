with

subscription_events as (
    select * from {{ ref('stg_stripe__subscription_events') }}
),

discounts as (
    select * from {{ ref('stg_stripe__discounts') }}
),

statuses as (
    select * from {{ ref('subscription_statuses') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

events_in_order as (
    -- out-of-order arrival does not matter: what counts is when Stripe made the event
    select
        subscription_events.*,
        lead(subscription_events.effective_at) over (
            partition by subscription_events.subscription_id
            order by subscription_events.effective_at, subscription_events.event_rank, subscription_events.event_id
        ) as next_effective_at,
        as_of.as_of_at
    from subscription_events
    cross join as_of
    where subscription_events.effective_at < as_of.as_of_at
),

periods_of_events as (
    -- of several events of one second the last one holds
    select
        *,
        lag(status) over (partition by subscription_id order by effective_at) as previous_status
    from events_in_order
    where next_effective_at is null or next_effective_at > effective_at
),

discount_edges as (
    -- a discount ends (or starts) between two events, without an event of its own
    select
        event_id,
        starts_at as edge_at
    from discounts
    where duration <> 'once'
    union all
    select
        event_id,
        ends_at as edge_at
    from discounts
    where duration <> 'once'
),

starts as (
    select
        event_id,
        effective_at as valid_from
    from periods_of_events

    union

    select
        periods_of_events.event_id,
        discount_edges.edge_at as valid_from
    from periods_of_events
    inner join discount_edges
        on periods_of_events.event_id = discount_edges.event_id
    where
        discount_edges.edge_at > periods_of_events.effective_at
        and discount_edges.edge_at < coalesce(periods_of_events.next_effective_at, periods_of_events.as_of_at)
),

starts_with_ends as (
    select
        event_id,
        valid_from,
        lead(valid_from) over (partition by event_id order by valid_from) as next_valid_from
    from starts
),

final as (
    select
        -- keys
        periods_of_events.subscription_id,
        periods_of_events.event_id,
        -- attributes
        periods_of_events.currency,
        periods_of_events.status,
        periods_of_events.previous_status,
        coalesce(statuses.counts_as_mrr, false) and not periods_of_events.is_collection_paused as counts_as_mrr,
        coalesce(statuses.is_trial, false) as is_trial,
        -- Stripe's own word on why it ended goes before what the statuses suggest
        case
            when periods_of_events.cancellation_reason is not null
                then periods_of_events.cancellation_reason = 'payment_failed'
            else
                coalesce(statuses.is_payment_loss, false)
                or (
                    periods_of_events.status = 'canceled'
                    and coalesce(periods_of_events.previous_status in ('past_due', 'unpaid'), false)
                )
        end as is_payment_loss,
        periods_of_events.is_collection_paused,
        periods_of_events.is_cancel_at_period_end or periods_of_events.cancel_at is not null as is_churn_scheduled,
        -- times
        starts_with_ends.valid_from,
        coalesce(starts_with_ends.next_valid_from, periods_of_events.next_effective_at) as valid_to,
        periods_of_events.known_at
    from periods_of_events
    inner join starts_with_ends
        on periods_of_events.event_id = starts_with_ends.event_id
    left join statuses
        on periods_of_events.status = statuses.subscription_status
)

select * from final
