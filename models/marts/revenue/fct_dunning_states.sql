with

failed_invoices as (
    select * from {{ ref('fct_failed_invoices') }}
    where not is_first_payment
),

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
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

paying_spans as (
    select
        account_id,
        valid_from as from_at,
        valid_to as to_at
    from item_periods
    where
        counts_as_mrr
        and mrr_cents > 0

    union all

    select
        account_id,
        cast(start_date as timestamp) as from_at,
        cast({{ add_days('end_date', 1) }} as timestamp) as to_at
    from contracts
    where mrr_cents > 0
),

past_due_now as (
    select distinct subscription_id
    from subscription_periods
    where
        valid_to is null
        and status = 'past_due'
),

invoices_in_dunning as (
    -- An invoice nobody tries to collect any more still hangs over a subscription that is past due.
    select
        failed_invoices.*,
        case
            when failed_invoices.outcome = 'open' then null
            when failed_invoices.outcome = 'recovered'
                then least(failed_invoices.recovered_at, coalesce(failed_invoices.service_ended_at, failed_invoices.recovered_at))
            when failed_invoices.lost_reason <> 'given_up' then failed_invoices.lost_at
            when failed_invoices.service_ended_at is not null then failed_invoices.service_ended_at
            when past_due_now.subscription_id is null then failed_invoices.lost_at
        end as dunning_ended_at,
        {{ add_hours('failed_invoices.first_failed_at', 24 * var('payment_grace_days')) }} as grace_ends_at
    from failed_invoices
    left join past_due_now
        on failed_invoices.subscription_id = past_due_now.subscription_id
),

service_ends as (
    select
        account_id,
        service_ended_at,
        max(coalesce(recovered_at, {{ end_of_time() }})) as paid_after_all_at
    from failed_invoices
    where service_ended_at is not null
    group by account_id, service_ended_at
),

lost_spans as (
    -- lost until it pays for something again; never lost while something else runs on
    select
        service_ends.account_id,
        service_ends.service_ended_at as from_at,
        nullif(
            least(
                service_ends.paid_after_all_at,
                coalesce(
                    min(case when paying_spans.from_at >= service_ends.service_ended_at then paying_spans.from_at end),
                    {{ end_of_time() }}
                )
            ),
            {{ end_of_time() }}
        ) as to_at
    from service_ends
    left join paying_spans
        on
            service_ends.account_id = paying_spans.account_id
            and coalesce(service_ends.service_ended_at < paying_spans.to_at, true)
    group by service_ends.account_id, service_ends.service_ended_at, service_ends.paid_after_all_at
    having coalesce(min(paying_spans.from_at) >= service_ends.service_ended_at, true)
),

spans as (
    select
        account_id,
        'known' as kind,
        min(valid_from) as from_at,
        cast(null as timestamp) as to_at
    from item_periods
    group by account_id

    union all

    select
        account_id,
        'grace' as kind,
        first_failed_at as from_at,
        least(grace_ends_at, coalesce(dunning_ended_at, grace_ends_at)) as to_at
    from invoices_in_dunning

    union all

    select
        account_id,
        'at_risk' as kind,
        grace_ends_at as from_at,
        dunning_ended_at as to_at
    from invoices_in_dunning
    where coalesce(dunning_ended_at > grace_ends_at, true)

    union all

    select
        account_id,
        'lost' as kind,
        from_at,
        to_at
    from lost_spans
),

edges as (
    select
        account_id,
        kind,
        from_at as changed_at,
        1 as step
    from spans

    union all

    select
        account_id,
        kind,
        to_at as changed_at,
        -1 as step
    from spans
    where to_at is not null
),

edges_netted as (
    select
        edges.account_id,
        edges.changed_at,
        sum(case when edges.kind = 'grace' then edges.step else 0 end) as grace_step,
        sum(case when edges.kind = 'at_risk' then edges.step else 0 end) as at_risk_step,
        sum(case when edges.kind = 'lost' then edges.step else 0 end) as lost_step
    from edges
    cross join as_of
    where edges.changed_at < as_of.as_of_at
    group by edges.account_id, edges.changed_at
),

running as (
    select
        account_id,
        changed_at,
        sum(grace_step) over account_history as count_grace,
        sum(at_risk_step) over account_history as count_at_risk,
        sum(lost_step) over account_history as count_lost
    from edges_netted
    window account_history as (
        partition by account_id order by changed_at rows between unbounded preceding and current row
    )
),

states as (
    select
        account_id,
        changed_at,
        case
            when count_at_risk > 0 then 'at_risk'
            when count_grace > 0 then 'grace'
            when count_lost > 0 then 'lost'
            else 'active'
        end as dunning_state
    from running
),

states_compared as (
    select
        *,
        lag(dunning_state) over (partition by account_id order by changed_at) as previous_state
    from states
),

changes as (
    select
        account_id,
        dunning_state,
        previous_state,
        changed_at as valid_from,
        lead(changed_at) over (partition by account_id order by changed_at) as valid_to
    from states_compared
    where
        previous_state is null
        or previous_state <> dunning_state
),

owed_now as (
    select
        account_id,
        count(*) as open_invoices,
        sum(failed_amount - recovered_amount) as open_amount,
        min(first_failed_at) as oldest_failure_at
    from invoices_in_dunning
    where dunning_ended_at is null
    group by account_id
),

mrr_at_risk_now as (
    select
        item_periods.account_id,
        sum(
            {{ at_rate(
                'cast(item_periods.mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100)', 'fx_rates.rate'
            ) }}
        ) as mrr_at_risk
    from item_periods
    cross join as_of
    left join minor_units
        on item_periods.currency = minor_units.currency
    inner join fx_rates
        on
            item_periods.currency = fx_rates.currency
            and {{ month_start("as_of.as_of_at - interval '1' microsecond") }} = fx_rates.month
    where
        item_periods.valid_to is null
        and item_periods.counts_as_mrr
        and item_periods.subscription_id in (
            select invoices_in_dunning.subscription_id from invoices_in_dunning
            where
                invoices_in_dunning.dunning_ended_at is null
                and invoices_in_dunning.subscription_id is not null
        )
    group by item_periods.account_id
),

final as (
    select
        -- keys
        changes.account_id,
        -- attributes
        changes.dunning_state,
        changes.previous_state,
        changes.valid_to is null as is_current,
        -- measures: of the state that holds now
        case
            when changes.valid_to is null then coalesce(owed_now.open_invoices, 0)
        end as open_invoices,
        cast(
            case when changes.valid_to is null then coalesce(owed_now.open_amount, 0) end as decimal(18, 2)
        ) as open_amount,
        cast(
            case
                when changes.valid_to is null
                    then {{ round_money('coalesce(mrr_at_risk_now.mrr_at_risk, 0)') }}
            end as decimal(18, 2)
        ) as mrr_at_risk,
        -- times
        changes.valid_from,
        changes.valid_to,
        case when changes.valid_to is null then owed_now.oldest_failure_at end as oldest_failure_at
    from changes
    left join owed_now
        on changes.account_id = owed_now.account_id
    left join mrr_at_risk_now
        on changes.account_id = mrr_at_risk_now.account_id
)

select * from final
