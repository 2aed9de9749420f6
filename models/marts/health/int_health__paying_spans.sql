with

item_states as (
    select * from {{ ref('int_core__item_states') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
    where
        start_date <= end_date
        and mrr_cents > 0
),

payment_attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

billing_states as (
    select * from {{ ref('health_billing_states') }}
),

clock as (
    select cast(as_of_at - interval '1' microsecond as date) as last_date
    -- a day that has not begun at as_of is none yet: midnight belongs to the day before
    from {{ ref('dim_as_of') }}
),

states_heard as (
    {{ states_as_heard('item_states') }}
    where not states.is_metered
),

subscription_states as (
    select
        account_id,
        subscription_id,
        greatest(cast(valid_from as date), cast(heard_at as date)) as from_date,
        effective_at,
        event_rank,
        event_id,
        valid_from,
        max(status) as status,
        max(case when is_churn_scheduled then 1 else 0 end) as is_ending,
        sum(coalesce(mrr_cents, 0)) as mrr_cents,
        -- an add-on is bought on top of the same seats
        max(case when mrr_cents > 0 then quantity end) as seats
    from states_heard
    group by
        account_id,
        subscription_id,
        greatest(cast(valid_from as date), cast(heard_at as date)),
        effective_at,
        event_rank,
        event_id,
        valid_from
),

states_placed as (
    select
        *,
        row_number() over (
            partition by subscription_id
            order by effective_at, event_rank, event_id, valid_from
        ) as place
    from subscription_states
),

newest_of_day as (
    -- of all that had been heard by the end of a day what Stripe made last holds
    select
        *,
        max(place) over (partition by subscription_id order by from_date) as newest_place
    from states_placed
),

subscription_spans as (
    select
        account_id,
        from_date,
        lead(from_date) over (partition by subscription_id order by from_date) as to_date,
        mrr_cents > 0 as is_paying,
        seats,
        case
            when is_ending = 1 then 'cancel_scheduled'
            when status = 'past_due' then 'past_due'
            else 'current'
        end as billing_state
    from newest_of_day
    where place = newest_place
),

failure_ends as (
    -- a failed payment hangs over the account until one succeeds or the invoice is written off
    select
        failed.payment_attempt_id,
        failed.account_id,
        cast(failed.attempted_at as date) as from_date,
        least(
            {{ add_days('failed.attempted_at', var('payment_recovery_days')) }},
            coalesce(min(cast(paid.attempted_at as date)), date '9999-12-31'),
            coalesce(min(cast(invoices.voided_at as date)), date '9999-12-31'),
            coalesce(min(cast(invoices.marked_uncollectible_at as date)), date '9999-12-31')
        ) as to_date
    from payment_attempts as failed
    left join payment_attempts as paid
        on
            failed.invoice_id = paid.invoice_id
            and paid.is_successful
            and failed.attempted_at <= paid.attempted_at
    left join invoices on failed.invoice_id = invoices.invoice_id
    where not failed.is_successful
    group by
        failed.payment_attempt_id,
        failed.account_id,
        failed.attempted_at
),

spans as (
    select
        account_id,
        from_date,
        to_date,
        is_paying,
        seats,
        case when is_paying then billing_state end as billing_state
    from subscription_spans

    union all

    -- a contract is known once it is signed; how it is paid is not recorded
    select
        account_id,
        greatest(start_date, coalesce(signed_date, start_date)) as from_date,
        {{ add_days('end_date', 1) }} as to_date,
        true as is_paying,
        seats,
        cast(null as varchar) as billing_state
    from contracts

    union all

    select
        account_id,
        from_date,
        to_date,
        false as is_paying,
        cast(null as bigint) as seats,
        'payment_failed' as billing_state
    from failure_ends
),

spans_to_now as (
    select
        spans.account_id,
        spans.from_date,
        least(coalesce(spans.to_date, date '9999-12-31'), {{ add_days('clock.last_date', 1) }}) as to_date,
        spans.is_paying,
        spans.seats,
        spans.billing_state
    from spans
    cross join clock
    where
        spans.from_date <= clock.last_date
        and coalesce(spans.from_date < spans.to_date, true)
),

edges as (
    select
        account_id,
        from_date as on_date
    from spans_to_now
    union
    select
        account_id,
        to_date as on_date
    from spans_to_now
),

stretches as (
    select
        account_id,
        on_date as valid_from,
        lead(on_date) over (partition by account_id order by on_date) as valid_to
    from edges
),

states_of_stretches as (
    select
        stretches.account_id,
        stretches.valid_from,
        stretches.valid_to,
        max(case when spans_to_now.is_paying then 1 else 0 end) as is_paying,
        sum(case when spans_to_now.is_paying then spans_to_now.seats end) as seats,
        max(case when spans_to_now.is_paying and coalesce(spans_to_now.seats, 0) = 0 then 1 else 0 end) as has_unknown_seats,
        min(billing_states.value) as billing_value
    from stretches
    inner join spans_to_now
        on
            stretches.account_id = spans_to_now.account_id
            and stretches.valid_from >= spans_to_now.from_date
            and stretches.valid_from < spans_to_now.to_date
    left join billing_states on spans_to_now.billing_state = billing_states.billing_state
    where stretches.valid_to is not null
    group by
        stretches.account_id,
        stretches.valid_from,
        stretches.valid_to
),

final as (
    select
        states_of_stretches.account_id,
        billing_states.billing_state,
        billing_states.cause as billing_cause,
        billing_states.sentence as billing_sentence,
        case
            when states_of_stretches.has_unknown_seats = 0 then cast(states_of_stretches.seats as bigint)
        end as paid_seats,
        cast(states_of_stretches.billing_value as bigint) as billing_value,
        states_of_stretches.valid_from,
        states_of_stretches.valid_to
    from states_of_stretches
    left join billing_states on states_of_stretches.billing_value = billing_states.value
    where states_of_stretches.is_paying = 1
)

select * from final
