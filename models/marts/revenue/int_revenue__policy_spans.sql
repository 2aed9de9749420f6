with

subscription_item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
    where not is_metered
),

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

metered_mrr_months as (
    select * from {{ ref('fct_metered_mrr_months') }}
),

policies as (
    select * from {{ ref('mrr_policies') }}
),

default_policy as (
    select * from {{ ref('mrr_policies') }}
    where is_default
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

as_of as (
    select
        *,
        cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

item_histories as (
    select
        *,
        subscription_id || '/' || item_id as item_key,
        lag(counts_as_mrr) over (partition by subscription_id, item_id order by valid_from) as counted_before,
        -- an end that was set when the subscription began is a term, and nobody asked to leave
        first_value(is_churn_scheduled) over (
            partition by subscription_id order by valid_from, item_id
        ) as is_term_agreed
    from subscription_item_periods
),

successors as (
    select
        account_id,
        subscription_id,
        min(valid_from) as first_counted_at
    from subscription_item_periods
    where counts_as_mrr
    group by 1, 2

    union all

    select
        account_id,
        item_key as subscription_id,
        started_at as first_counted_at
    from mrr_day_spans
    where source = 'contract'
),

next_starts as (
    -- a plan swapped through a new subscription or a contract is not paid for twice
    select
        item_histories.item_key,
        item_histories.valid_from,
        min(successors.first_counted_at) as next_start_at
    from item_histories
    inner join successors
        on
            item_histories.account_id = successors.account_id
            and item_histories.subscription_id <> successors.subscription_id
            and cast(item_histories.valid_from as date) <= successors.first_counted_at
    where
        item_histories.status = 'canceled'
        and item_histories.counted_before
    group by 1, 2
),

item_periods as (
    select
        item_histories.*,
        coalesce(item_histories.counted_before, false) and not item_histories.is_payment_loss as is_cancelled_while_paying,
        case
            when next_starts.next_start_at < item_histories.current_period_ends_at then next_starts.next_start_at
            else coalesce(item_histories.current_period_ends_at, item_histories.valid_from)
        end as paid_until_at
    from item_histories
    left join next_starts
        on
            item_histories.item_key = next_starts.item_key
            and item_histories.valid_from = next_starts.valid_from
),

measured as (
    select
        policies.policy_key,
        policies.is_default,
        item_periods.account_id,
        item_periods.item_key,
        item_periods.currency,
        item_periods.valid_from,
        item_periods.valid_to,
        {{- mrr_under_policy('policies', '') }},
        {{- mrr_under_policy('default_policy', 'default_') }}
    from item_periods
    cross join policies
    cross join default_policy
),

accounts_of_one_rule as (
    -- where a choice is not about a period of an item
    select
        policies.policy_key,
        mrr_day_spans.account_id
    from mrr_day_spans
    cross join policies
    cross join default_policy
    cross join as_of
    where
        mrr_day_spans.currency <> as_of.reporting_currency
        and policies.fx <> default_policy.fx

    union all

    select
        policies.policy_key,
        metered_mrr_months.account_id
    from metered_mrr_months
    cross join policies
    cross join default_policy
    where policies.metered <> default_policy.metered

    union all

    select
        policies.policy_key,
        item_histories.account_id
    from item_histories
    cross join policies
    cross join default_policy
    where
        policies.paid_to_free <> default_policy.paid_to_free
        and item_histories.counts_as_mrr
        and item_histories.mrr_cents = 0

    union all

    select
        policies.policy_key,
        mrr_day_spans.account_id
    from mrr_day_spans
    cross join policies
    cross join default_policy
    where
        policies.same_month <> default_policy.same_month
        and {{ month_start('mrr_day_spans.from_date') }} = {{ month_start('mrr_day_spans.to_date') }}
),

accounts_concerned as (
    select
        policy_key,
        account_id
    from measured
    where
        not is_default
        and (counts_as_mrr or default_counts_as_mrr)
        and (
            counts_as_mrr <> default_counts_as_mrr
            or mrr_cents is distinct from default_mrr_cents
            or counts_until_at is distinct from default_counts_until_at
        )

    union

    select
        policy_key,
        account_id
    from accounts_of_one_rule

    union

    select
        default_policy.policy_key,
        mrr_day_spans.account_id
    from mrr_day_spans
    cross join default_policy

    union

    select
        default_policy.policy_key,
        item_periods.account_id
    from item_periods
    cross join default_policy
),

items_by_day as (
    select
        measured.policy_key,
        measured.account_id,
        measured.item_key,
        measured.currency,
        cast(measured.valid_from as date) as from_date,
        cast(
            case
                when measured.counts_until_at < coalesce(measured.valid_to, {{ end_of_time() }}) then measured.counts_until_at
                else measured.valid_to
            end as date
        ) as to_date,
        cast(
            cast(measured.mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100) as decimal(18, 3)
        ) as mrr_native
    from measured
    inner join accounts_concerned
        on
            measured.policy_key = accounts_concerned.policy_key
            and measured.account_id = accounts_concerned.account_id
    left join minor_units
        on measured.currency = minor_units.currency
    where
        measured.counts_as_mrr
        and measured.mrr_cents <> 0

    union all

    select
        accounts_concerned.policy_key,
        mrr_day_spans.account_id,
        mrr_day_spans.item_key,
        mrr_day_spans.currency,
        mrr_day_spans.from_date,
        mrr_day_spans.to_date,
        mrr_day_spans.mrr_native
    from mrr_day_spans
    inner join accounts_concerned
        on mrr_day_spans.account_id = accounts_concerned.account_id
    where
        mrr_day_spans.source = 'contract'
        and mrr_day_spans.mrr_native <> 0

    union all

    select
        accounts_concerned.policy_key,
        metered_mrr_months.account_id,
        'metered' as item_key,
        as_of.reporting_currency as currency,
        metered_mrr_months.month as from_date,
        cast({{ add_months_to('metered_mrr_months.month', 1) }} as date) as to_date,
        cast(metered_mrr_months.metered_mrr as decimal(18, 3)) as mrr_native
    from metered_mrr_months
    inner join accounts_concerned
        on metered_mrr_months.account_id = accounts_concerned.account_id
    inner join policies
        on accounts_concerned.policy_key = policies.policy_key
    cross join as_of
    where
        policies.metered = 'in'
        and metered_mrr_months.metered_mrr <> 0

    union all

    -- an account of which nothing counts under the policy is counted otherwise all the same
    select
        accounts_concerned.policy_key,
        accounts_concerned.account_id,
        'none' as item_key,
        as_of.reporting_currency as currency,
        as_of.last_date as from_date,
        cast(null as date) as to_date,
        cast(0 as decimal(18, 3)) as mrr_native
    from accounts_concerned
    cross join as_of
),

final as (
    select
        items_by_day.policy_key,
        items_by_day.account_id,
        items_by_day.item_key,
        items_by_day.currency,
        items_by_day.from_date,
        case when items_by_day.to_date <= as_of.last_date then items_by_day.to_date end as to_date,
        items_by_day.mrr_native
    from items_by_day
    cross join as_of
    where
        items_by_day.from_date <= as_of.last_date
        and coalesce(items_by_day.from_date < items_by_day.to_date, true)
)

select * from final
