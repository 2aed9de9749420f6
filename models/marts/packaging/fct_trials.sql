with

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
),

plans as (
    select * from {{ ref('plans') }}
),

reverse_trial_offers as (
    select * from {{ ref('reverse_trial_offers') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

free_plans as (
    select plan_key
    from plans
    where plan_rank = 0
),

subscriptions as (
    -- an internal account's subscription has no items
    select distinct
        subscription_id,
        account_id
    from item_periods
),

trial_periods as (
    select
        *,
        case
            when is_trial and not coalesce(lag(is_trial) over (partition by subscription_id order by valid_from), false)
                then 1
            else 0
        end as is_trial_start
    from subscription_periods
),

trial_periods_numbered as (
    select
        *,
        sum(is_trial_start) over (
            partition by subscription_id
            order by valid_from
            rows between unbounded preceding and current row
        ) as trial_number
    from trial_periods
),

trial_spans as (
    select
        subscription_id,
        trial_number,
        min(valid_from) as started_at,
        -- no end: it runs
        case when count(valid_to) = count(*) then max(valid_to) end as ended_at,
        min_by(current_period_ends_at, valid_from) filter (where current_period_ends_at is not null) as first_scheduled_end_at,
        max_by(current_period_ends_at, valid_from) filter (where current_period_ends_at is not null) as scheduled_end_at,
        max_by(is_churn_scheduled, valid_from) as is_end_requested
    from trial_periods_numbered
    where is_trial
    group by subscription_id, trial_number
),

trials as (
    select
        trial_spans.*,
        subscriptions.account_id
    from trial_spans
    inner join subscriptions
        on trial_spans.subscription_id = subscriptions.subscription_id
),

plans_tried as (
    -- of several items the dearest
    select
        trials.subscription_id,
        trials.trial_number,
        item_periods.plan_key
    from trials
    inner join item_periods
        on
            trials.subscription_id = item_periods.subscription_id
            and trials.started_at >= item_periods.valid_from
            and coalesce(trials.started_at < item_periods.valid_to, true)
    qualify row_number() over (
        partition by trials.subscription_id, trials.trial_number
        order by item_periods.list_mrr_cents desc nulls last, item_periods.item_id
    ) = 1
),

paid_items as (
    select
        account_id,
        subscription_id,
        plan_key,
        item_id,
        valid_from as paid_from,
        max(coalesce(valid_to, {{ end_of_time() }})) over (
            partition by subscription_id
            order by valid_from, item_id
            rows between unbounded preceding and 1 preceding
        ) as paid_before_until
    from item_periods
    where
        counts_as_mrr
        and mrr_cents > 0
),

paying_starts as (
    -- more seats of what is paid for already is no conversion
    select
        account_id,
        subscription_id,
        plan_key,
        paid_from
    from paid_items
    where coalesce(paid_before_until < paid_from, true)

    union all

    select
        account_id,
        contract_id as subscription_id,
        plan_key,
        cast(start_date as timestamp) as paid_from
    from contracts
    where mrr_cents > 0
),

first_payments as (
    -- paid for within days of the trial's end, through whichever subscription of the account
    select
        trials.subscription_id,
        trials.trial_number,
        paying_starts.paid_from as converted_at,
        paying_starts.plan_key as converted_to_plan
    from trials
    inner join paying_starts
        on
            trials.account_id = paying_starts.account_id
            and trials.started_at <= paying_starts.paid_from
            and coalesce(
                paying_starts.paid_from
                <= {{ add_hours('trials.ended_at', 24 * var('trial_conversion_days')) }}, true
            )
    cross join as_of
    where paying_starts.paid_from < as_of.as_of_at
    qualify row_number() over (
        partition by trials.subscription_id, trials.trial_number
        order by paying_starts.paid_from, paying_starts.subscription_id, paying_starts.plan_key
    ) = 1
),

continued_free as (
    -- what the subscription goes on with when the trial is over
    select distinct
        trials.subscription_id,
        trials.trial_number
    from trials
    inner join item_periods
        on
            trials.subscription_id = item_periods.subscription_id
            and trials.ended_at >= item_periods.valid_from
            and coalesce(trials.ended_at < item_periods.valid_to, true)
    where
        item_periods.status = 'active'
        and (
            item_periods.plan_key in (select free_plans.plan_key from free_plans)
            or item_periods.list_mrr_cents = 0
        )
        and not item_periods.is_metered
),

trials_offered_reverse as (
    select distinct
        plans_tried.subscription_id,
        plans_tried.trial_number
    from plans_tried
    inner join trials
        on
            plans_tried.subscription_id = trials.subscription_id
            and plans_tried.trial_number = trials.trial_number
    inner join reverse_trial_offers
        on
            plans_tried.plan_key = reverse_trial_offers.plan_key
            and cast(trials.started_at as date) >= coalesce(reverse_trial_offers.valid_from, date '0001-01-01')
            and cast(trials.started_at as date) <= coalesce(reverse_trial_offers.valid_to, date '9999-12-31')
),

facts_gathered as (
    select
        trials.*,
        plans_tried.plan_key,
        first_payments.converted_at,
        first_payments.converted_to_plan,
        continued_free.subscription_id is not null as has_continued_free,
        -- one that dropped to the free plan was reverse, whatever the offers say
        trials_offered_reverse.subscription_id is not null
        or (continued_free.subscription_id is not null and first_payments.converted_at is null) as is_reverse_trial,
        accounts.signed_up_at
    from trials
    left join plans_tried
        on
            trials.subscription_id = plans_tried.subscription_id
            and trials.trial_number = plans_tried.trial_number
    left join first_payments
        on
            trials.subscription_id = first_payments.subscription_id
            and trials.trial_number = first_payments.trial_number
    left join continued_free
        on
            trials.subscription_id = continued_free.subscription_id
            and trials.trial_number = continued_free.trial_number
    left join trials_offered_reverse
        on
            trials.subscription_id = trials_offered_reverse.subscription_id
            and trials.trial_number = trials_offered_reverse.trial_number
    left join accounts
        on trials.account_id = accounts.account_id
),

final as (
    select
        -- keys
        facts_gathered.subscription_id || ':' || cast(facts_gathered.trial_number as varchar) as trial_id,
        facts_gathered.account_id,
        facts_gathered.subscription_id,
        facts_gathered.plan_key,
        -- attributes
        cast(facts_gathered.trial_number as integer) as trial_number,
        case
            when
                facts_gathered.converted_at < facts_gathered.scheduled_end_at
                then 'converted_early'
            when facts_gathered.converted_at is not null then 'converted'
            when facts_gathered.ended_at is null then 'running'
            when facts_gathered.is_end_requested and not facts_gathered.has_continued_free then 'cancelled'
            when facts_gathered.ended_at < facts_gathered.scheduled_end_at and not facts_gathered.has_continued_free
                then 'cancelled'
            else 'expired_to_free'
        end as outcome,
        facts_gathered.is_reverse_trial,
        coalesce(facts_gathered.scheduled_end_at > facts_gathered.first_scheduled_end_at, false) as is_extended,
        facts_gathered.converted_to_plan,
        -- measures
        {{ seconds_between('facts_gathered.started_at', 'facts_gathered.first_scheduled_end_at') }} / 86400.0
            as offered_days,
        {{ seconds_between('facts_gathered.started_at', 'facts_gathered.ended_at') }} / 86400.0 as trial_days,
        {{ seconds_between('facts_gathered.started_at', 'facts_gathered.converted_at') }} / 86400.0
            as days_to_convert,
        -- times
        facts_gathered.started_at,
        facts_gathered.first_scheduled_end_at,
        facts_gathered.scheduled_end_at,
        facts_gathered.ended_at,
        facts_gathered.converted_at,
        -- until then a payment still counts as the trial's
        coalesce(
            {{ add_hours('facts_gathered.ended_at', 24 * var('trial_conversion_days')) }} <= as_of.as_of_at, false
        )
        or facts_gathered.converted_at is not null as is_decided
    from facts_gathered
    cross join as_of
)

select * from final
