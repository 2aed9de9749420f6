{#- Past due counts for so many days; none: until it is cancelled or unpaid. -#}
{%- set dunning_grace_days = var('dunning_grace_days', none) -%}

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
        coalesce(
            subscription_events.cancel_at,
            case when subscription_events.is_cancel_at_period_end then subscription_events.current_period_ends_at end
        ) as scheduled_end_at,
        lead(subscription_events.effective_at) over (
            partition by subscription_events.subscription_id
            order by subscription_events.effective_at, subscription_events.event_rank, subscription_events.event_id
        ) as next_effective_at,
        -- what an event shows had begun by the time it was made, also where it counts from before
        case when subscription_events.is_from_list then subscription_events.effective_at else subscription_events.event_created_at end as seen_at,
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

status_runs as (
    select
        *,
        sum(case when status is distinct from previous_status then 1 else 0 end) over (
            partition by subscription_id
            order by effective_at
            rows between unbounded preceding and current row
        ) as status_run
    from periods_of_events
),

periods_dunned as (
    select
        *,
        case
            when status = 'past_due' then min(effective_at) over (partition by subscription_id, status_run)
        end as past_due_since
    from status_runs
),

edges as (
    -- what changes between two events without an event of its own: a discount starts or ends,
    -- a pause is over, the end that was scheduled is there, payment is overdue for too long
    select
        discounts.event_id,
        discounts.starts_at as edge_at
    from discounts
    inner join periods_dunned
        on discounts.event_id = periods_dunned.event_id
    where
        discounts.duration <> 'once'
        and discounts.starts_at > periods_dunned.seen_at
    union all
    select
        event_id,
        ends_at as edge_at
    from discounts
    where duration <> 'once'
    union all
    select
        event_id,
        resumes_at as edge_at
    from periods_dunned
    where is_collection_paused
    union all
    select
        event_id,
        scheduled_end_at as edge_at
    from periods_dunned
    where status <> 'canceled'
    {%- if dunning_grace_days is not none %}
    union all
    select
        event_id,
        {{ add_hours('past_due_since', dunning_grace_days * 24) }} as edge_at
    from periods_dunned
    {%- endif %}
),

starts as (
    select
        event_id,
        effective_at as valid_from
    from periods_dunned

    union

    select
        periods_dunned.event_id,
        edges.edge_at as valid_from
    from periods_dunned
    inner join edges
        on periods_dunned.event_id = edges.event_id
    where
        edges.edge_at > periods_dunned.effective_at
        and edges.edge_at < coalesce(periods_dunned.next_effective_at, periods_dunned.as_of_at)
),

starts_with_ends as (
    select
        event_id,
        valid_from,
        lead(valid_from) over (partition by event_id order by valid_from) as next_valid_from
    from starts
),

stretches as (
    select
        periods_dunned.*,
        starts_with_ends.valid_from,
        coalesce(starts_with_ends.next_valid_from, periods_dunned.next_effective_at) as valid_to,
        periods_dunned.status <> 'canceled'
        and coalesce(
            periods_dunned.scheduled_end_at > periods_dunned.effective_at
            and periods_dunned.scheduled_end_at <= starts_with_ends.valid_from, false
        ) as has_ended_on_schedule,
        periods_dunned.is_collection_paused
        and not coalesce(periods_dunned.resumes_at <= starts_with_ends.valid_from, false) as is_paused_still,
        {% if dunning_grace_days is not none -%}
        coalesce({{ add_hours('periods_dunned.past_due_since', dunning_grace_days * 24) }} <= starts_with_ends.valid_from, false)
        {%- else -%}
        false
        {%- endif %} as is_beyond_grace
    from periods_dunned
    inner join starts_with_ends
        on periods_dunned.event_id = starts_with_ends.event_id
),

final as (
    select
        -- keys
        stretches.subscription_id,
        stretches.event_id,
        -- attributes
        stretches.event_rank,
        stretches.currency,
        case when stretches.has_ended_on_schedule then 'canceled' else stretches.status end as status,
        case when stretches.has_ended_on_schedule then stretches.status else stretches.previous_status end as previous_status,
        coalesce(statuses.counts_as_mrr, false)
        and not stretches.is_paused_still
        and not stretches.has_ended_on_schedule
        and not stretches.is_beyond_grace as counts_as_mrr,
        coalesce(statuses.is_trial, false) and not stretches.has_ended_on_schedule as is_trial,
        -- Stripe's own word on why it ended goes before what the statuses suggest
        case
            when stretches.is_beyond_grace then true
            when stretches.status = 'canceled' and stretches.cancellation_reason is not null
                then stretches.cancellation_reason = 'payment_failed'
            else
                coalesce(statuses.is_payment_loss, false)
                or (
                    stretches.status = 'canceled'
                    and coalesce(stretches.previous_status in ('past_due', 'unpaid'), false)
                )
        end as is_payment_loss,
        stretches.is_paused_still as is_collection_paused,
        (stretches.is_cancel_at_period_end or stretches.scheduled_end_at is not null)
        and stretches.status <> 'canceled'
        and not stretches.has_ended_on_schedule as is_churn_scheduled,
        stretches.is_beyond_grace,
        stretches.cancellation_reason,
        stretches.cancellation_feedback,
        stretches.known_in_load,
        -- times
        stretches.valid_from,
        stretches.valid_to,
        stretches.effective_at,
        stretches.seen_at,
        stretches.scheduled_end_at,
        stretches.cancel_requested_at,
        stretches.past_due_since,
        stretches.current_period_started_at,
        stretches.current_period_ends_at,
        stretches.event_created_at,
        stretches.known_at
    from stretches
    left join statuses
        on stretches.status = statuses.subscription_status
)

select * from final
