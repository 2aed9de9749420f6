with

invoices as (
    select * from {{ ref('fct_invoices') }}
),

payment_attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

invoices_dated as (
    -- what happened after now has not happened; older API versions do not say when it did
    select
        invoices.*,
        case
            when invoices.status = 'paid' and coalesce(invoices.paid_at, invoices.known_at) < as_of.as_of_at
                then coalesce(invoices.paid_at, invoices.known_at)
        end as settled_at,
        case
            when invoices.status = 'void' and coalesce(invoices.voided_at, invoices.known_at) < as_of.as_of_at
                then coalesce(invoices.voided_at, invoices.known_at)
        end as void_since,
        case
            when
                invoices.status = 'uncollectible'
                and coalesce(invoices.marked_uncollectible_at, invoices.known_at) < as_of.as_of_at
                then coalesce(invoices.marked_uncollectible_at, invoices.known_at)
        end as uncollectible_since,
        as_of.as_of_at
    from invoices
    cross join as_of
),

failures as (
    -- an attempt that fails after the invoice was paid otherwise leaves nothing to recover
    select
        payment_attempts.*,
        row_number() over (
            partition by payment_attempts.invoice_id order by payment_attempts.attempt_number
        ) as failure_number
    from payment_attempts
    inner join invoices_dated
        on payment_attempts.invoice_id = invoices_dated.invoice_id
    where
        not payment_attempts.is_successful
        and coalesce(payment_attempts.attempted_at <= invoices_dated.settled_at, true)
),

failures_summed as (
    select
        invoice_id,
        min(attempted_at) as first_failed_at,
        max(attempted_at) as last_failed_at,
        count(*) as failed_attempts,
        -- the first reason given
        min(case when failure_reason <> 'unknown' then failure_number end) as first_number_with_reason,
        max(case when failure_number = 1 then amount_cents end) as amount_tried_cents
    from failures
    group by invoice_id
),

successes_summed as (
    select
        payment_attempts.invoice_id,
        sum(
            case
                when payment_attempts.attempted_at < failures_summed.first_failed_at
                    then payment_attempts.amount_cents
                else 0
            end
        ) as paid_before_cents,
        sum(
            case
                when payment_attempts.attempted_at >= failures_summed.first_failed_at
                    then payment_attempts.amount_cents
                else 0
            end
        ) as paid_since_cents,
        sum(
            case
                when payment_attempts.attempted_at >= failures_summed.first_failed_at
                    then payment_attempts.amount_refunded_cents
                else 0
            end
        ) as refunded_cents,
        max(
            case
                when payment_attempts.attempted_at >= failures_summed.first_failed_at
                    then payment_attempts.attempt_number
            end
        ) as last_successful_attempt
    from payment_attempts
    inner join failures_summed
        on payment_attempts.invoice_id = failures_summed.invoice_id
    where payment_attempts.is_successful
    group by payment_attempts.invoice_id
),

statuses_followed as (
    select
        subscription_id,
        status,
        lag(status) over (partition by subscription_id order by valid_from) as status_before,
        is_payment_loss,
        valid_from
    from subscription_periods
),

service_ends as (
    -- from then on Stripe neither tries again nor is there anything to pay for
    select
        subscription_id,
        status,
        is_payment_loss,
        valid_from as ended_at
    from statuses_followed
    where
        status in ('unpaid', 'canceled')
        and coalesce(status_before not in ('unpaid', 'canceled'), true)
),

invoice_service_ends as (
    select
        invoices_dated.invoice_id,
        service_ends.status as service_end_status,
        service_ends.ended_at as service_ended_at
    from failures_summed
    inner join invoices_dated
        on failures_summed.invoice_id = invoices_dated.invoice_id
    inner join service_ends
        on
            invoices_dated.subscription_id = service_ends.subscription_id
            and failures_summed.first_failed_at <= service_ends.ended_at
            and coalesce(invoices_dated.settled_at > service_ends.ended_at, true)
            -- who writes an invoice off at the end of dunning ends the service a moment later
            and (
                service_ends.is_payment_loss
                or coalesce(
                    service_ends.ended_at
                    <= coalesce(invoices_dated.void_since, invoices_dated.uncollectible_since),
                    true
                )
            )
    qualify row_number() over (
        partition by invoices_dated.invoice_id order by service_ends.ended_at
    ) = 1
),

subscription_mrr as (
    select
        invoices_dated.invoice_id,
        sum(item_periods.mrr_cents) as mrr_cents
    from failures_summed
    inner join invoices_dated
        on failures_summed.invoice_id = invoices_dated.invoice_id
    inner join item_periods
        on
            invoices_dated.subscription_id = item_periods.subscription_id
            and failures_summed.first_failed_at >= item_periods.valid_from
            and coalesce(failures_summed.first_failed_at < item_periods.valid_to, true)
    where item_periods.counts_as_mrr
    group by invoices_dated.invoice_id
),

statuses_at_failure as (
    select
        failures_summed.invoice_id,
        max(case when subscription_periods.status in ('incomplete', 'incomplete_expired') then 1 else 0 end) = 1
            as is_incomplete
    from failures_summed
    inner join invoices_dated
        on failures_summed.invoice_id = invoices_dated.invoice_id
    inner join subscription_periods
        on
            invoices_dated.subscription_id = subscription_periods.subscription_id
            and failures_summed.first_failed_at >= subscription_periods.valid_from
            and coalesce(failures_summed.first_failed_at < subscription_periods.valid_to, true)
    group by failures_summed.invoice_id
),

facts_gathered as (
    select
        invoices_dated.*,
        failures_summed.first_failed_at,
        failures_summed.last_failed_at,
        failures_summed.failed_attempts,
        coalesce(failures.failure_reason, 'unknown') as reason,
        coalesce(failures_summed.amount_tried_cents, invoices_dated.amount_due_cents) as failed_cents,
        -- the invoice knows best, unless what is known of it is of after now
        case
            when invoices_dated.known_at < invoices_dated.as_of_at
                then invoices_dated.amount_paid_cents - coalesce(successes_summed.paid_before_cents, 0)
            else coalesce(successes_summed.paid_since_cents, 0)
        end as came_in_cents,
        coalesce(successes_summed.refunded_cents, 0) as refunded_cents,
        successes_summed.last_successful_attempt,
        invoice_service_ends.service_end_status,
        invoice_service_ends.service_ended_at,
        subscription_mrr.mrr_cents,
        coalesce(
            invoices_dated.billing_reason = 'subscription_create'
            and coalesce(invoices_dated.collection_method, 'charge_automatically') = 'charge_automatically',
            false
        )
        or coalesce(statuses_at_failure.is_incomplete, false) as is_first_payment,
        -- settled without money: a credit note took what was owed
        invoices_dated.settled_at is not null
        and not invoices_dated.is_paid_out_of_band
        and coalesce(invoices_dated.amount_paid_cents <= coalesce(successes_summed.paid_before_cents, 0), false) as is_credited
    from failures_summed
    inner join invoices_dated
        on failures_summed.invoice_id = invoices_dated.invoice_id
    left join failures
        on
            failures_summed.invoice_id = failures.invoice_id
            and failures_summed.first_number_with_reason = failures.failure_number
    left join successes_summed
        on failures_summed.invoice_id = successes_summed.invoice_id
    left join invoice_service_ends
        on failures_summed.invoice_id = invoice_service_ends.invoice_id
    left join subscription_mrr
        on failures_summed.invoice_id = subscription_mrr.invoice_id
    left join statuses_at_failure
        on failures_summed.invoice_id = statuses_at_failure.invoice_id
),

given_up as (
    -- nobody tries any more, and nobody has paid
    select
        *,
        case
            when
                (settled_at is null or is_credited)
                and {{ add_hours('first_failed_at', 24 * var('payment_recovery_days')) }} <= as_of_at
                and coalesce(next_payment_attempt_at < as_of_at, true)
                then
                    greatest(
                        {{ add_hours('first_failed_at', 24 * var('payment_recovery_days')) }}, last_failed_at
                    )
        end as given_up_at
    from facts_gathered
),

resolved as (
    select
        *,
        case when settled_at is not null and not is_credited then settled_at end as recovered_at,
        -- lost at the first of what ended hope; who pays after it all has been recovered
        case
            when settled_at is null or is_credited
                then
                    nullif(
                        least(
                            coalesce(void_since, {{ end_of_time() }}),
                            coalesce(uncollectible_since, {{ end_of_time() }}),
                            coalesce(service_ended_at, {{ end_of_time() }}),
                            coalesce(given_up_at, {{ end_of_time() }}),
                            coalesce(settled_at, {{ end_of_time() }})
                        ),
                        {{ end_of_time() }}
                    )
        end as lost_at
    from given_up
),

amounts_split as (
    select
        resolved.*,
        case
            when is_credited then 0
            when is_paid_out_of_band and recovered_at is not null then failed_cents
            when came_in_cents > failed_cents then failed_cents
            when came_in_cents > 0 then came_in_cents
            else 0
        end as recovered_cents,
        coalesce(minor_units.minor_units, 100) as minor_units,
        fx_rates.rate
    from resolved
    left join minor_units
        on resolved.currency = minor_units.currency
    left join fx_rates
        on
            resolved.currency = fx_rates.currency
            and {{ month_start('resolved.first_failed_at') }} = fx_rates.month
),

amounts_converted as (
    -- everything at the rate of the month it failed in: what is recovered later is not more or less
    select
        *,
        {{ round_money(at_rate('cast(failed_cents as decimal(18, 0)) / minor_units', 'rate')) }}
            as failed_amount,
        {{ round_money(at_rate('cast(recovered_cents as decimal(18, 0)) / minor_units', 'rate')) }}
            as recovered_amount,
        {{ round_money(at_rate('cast(refunded_cents as decimal(18, 0)) / minor_units', 'rate')) }}
            as refunded_amount,
        {{ round_money(at_rate('cast(mrr_cents as decimal(18, 0)) / minor_units', 'rate')) }}
            as subscription_mrr
    from amounts_split
),

final as (
    select
        -- keys
        invoice_id,
        account_id,
        customer_id,
        subscription_id,
        -- attributes
        case
            when recovered_at is not null then 'recovered'
            when lost_at is not null then 'lost'
            else 'open'
        end as outcome,
        case
            when recovered_at is not null and is_paid_out_of_band then 'out_of_band'
            when recovered_at is not null then 'payment'
        end as recovered_by,
        case
            when lost_at is null then null
            when lost_at = service_ended_at then 'subscription_' || service_end_status
            when lost_at = void_since then 'voided'
            when lost_at = uncollectible_since then 'uncollectible'
            when lost_at = settled_at then 'credited'
            else 'given_up'
        end as lost_reason,
        reason,
        is_first_payment,
        billing_reason,
        collection_method,
        currency,
        -- measures
        failed_attempts,
        case
            when recovered_at is not null and not is_paid_out_of_band then last_successful_attempt
        end as recovered_on_attempt,
        failed_cents,
        cast(recovered_cents as bigint) as recovered_cents,
        cast(failed_amount as decimal(18, 2)) as failed_amount,
        cast(recovered_amount as decimal(18, 2)) as recovered_amount,
        cast(
            case when recovered_at is not null or lost_at is not null then failed_amount - recovered_amount else 0 end
            as decimal(18, 2)
        ) as lost_amount,
        cast(
            case when recovered_at is null and lost_at is null then failed_amount - recovered_amount else 0 end
            as decimal(18, 2)
        ) as open_amount,
        cast(refunded_amount as decimal(18, 2)) as refunded_amount,
        cast(coalesce(subscription_mrr, 0) as decimal(18, 2)) as subscription_mrr,
        {{ seconds_between('first_failed_at', 'recovered_at') }} / 86400.0 as days_to_recover,
        -- times
        {{ month_start('first_failed_at') }} as failed_month,
        first_failed_at,
        last_failed_at,
        case when recovered_at is null and lost_at is null then next_payment_attempt_at end as next_attempt_at,
        service_ended_at,
        recovered_at,
        lost_at
    from amounts_converted
)

select * from final
