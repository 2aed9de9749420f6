with

subscription_item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

payment_failures as (
    select * from {{ ref('stg_stripe__payment_failures') }}
),

paid_periods as (
    select
        account_id,
        customer_id,
        subscription_id,
        valid_from,
        coalesce(valid_to, {{ end_of_time() }}) as valid_to
    from subscription_item_periods
    where
        counts_as_mrr
        and not is_metered
        and mrr_cents > 0
),

breaks_marked as (
    select
        *,
        case
            when valid_from <= max(valid_to) over (
                partition by subscription_id
                order by valid_from, valid_to
                rows between unbounded preceding and 1 preceding
            ) then 0
            else 1
        end as is_restart
    from paid_periods
),

stretches_numbered as (
    select
        *,
        sum(is_restart) over (
            partition by subscription_id
            order by valid_from, valid_to
            rows between unbounded preceding and current row
        ) as stretch_number
    from breaks_marked
),

endings as (
    select
        min(account_id) as account_id,
        min(customer_id) as customer_id,
        subscription_id,
        stretch_number,
        max(valid_to) as ended_at
    from stretches_numbered
    group by subscription_id, stretch_number
    having max(valid_to) < {{ end_of_time() }}
),

cancellations_told as (
    select
        subscription_id,
        event_id,
        cancellation_reason,
        cancellation_feedback,
        valid_from
    from subscription_periods
    where
        cancellation_reason is not null
        or cancellation_feedback is not null
),

reasons_of_endings as (
    -- what was said last, up to the moment it ended
    select
        endings.subscription_id,
        endings.stretch_number,
        cancellations_told.cancellation_reason,
        cancellations_told.cancellation_feedback
    from endings
    inner join cancellations_told
        on
            endings.subscription_id = cancellations_told.subscription_id
            and endings.ended_at >= cancellations_told.valid_from
    qualify row_number() over (
        partition by endings.subscription_id, endings.stretch_number
        order by cancellations_told.valid_from desc, cancellations_told.event_id desc
    ) = 1
),

failures as (
    select
        customer_id,
        lower(trim(failure_reason)) as failure_reason,
        created_at as failed_at
    from charges
    where
        charge_status = 'failed'
        and failure_reason is not null

    union all

    select
        customer_id,
        lower(trim(failure_reason)) as failure_reason,
        failed_at
    from payment_failures
    where failure_reason is not null
),

failures_of_endings as (
    select
        endings.subscription_id,
        endings.stretch_number,
        failures.failure_reason,
        failures.failed_at
    from endings
    inner join failures
        on
            endings.customer_id = failures.customer_id
            and endings.ended_at >= failures.failed_at
            and {{ add_days('endings.ended_at', '-' ~ var('payment_failure_lookback_days')) }} <= failures.failed_at
    qualify row_number() over (
        partition by endings.subscription_id, endings.stretch_number
        order by failures.failed_at desc, failures.failure_reason asc
    ) = 1
),

final as (
    select
        -- keys
        endings.subscription_id,
        endings.account_id,
        endings.customer_id,
        -- attributes
        reasons_of_endings.cancellation_reason,
        reasons_of_endings.cancellation_feedback,
        failures_of_endings.failure_reason,
        -- times
        failures_of_endings.failed_at,
        endings.ended_at
    from endings
    left join reasons_of_endings
        on
            endings.subscription_id = reasons_of_endings.subscription_id
            and endings.stretch_number = reasons_of_endings.stretch_number
    left join failures_of_endings
        on
            endings.subscription_id = failures_of_endings.subscription_id
            and endings.stretch_number = failures_of_endings.stretch_number
)

select * from final
