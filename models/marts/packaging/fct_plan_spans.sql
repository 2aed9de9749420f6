with

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

account_entries as (
    select * from {{ ref('fct_account_entries') }}
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
    where movement_type <> 'fx'
),

plans as (
    select * from {{ ref('plans') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

free_plan as (
    select coalesce(min(plan_key), 'free') as plan_key
    from plans
    where plan_rank = 0
),

paid_spans as (
    -- at one rate from start to end, so that what a span adds is what its end takes away
    select
        mrr_day_spans.account_id,
        coalesce(mrr_day_spans.plan_key, 'unknown') as plan_key,
        mrr_day_spans.from_date,
        mrr_day_spans.to_date,
        {{ round_money(at_rate('mrr_day_spans.mrr_native', 'fx_rates.rate')) }} as mrr
    from mrr_day_spans
    inner join fx_rates
        on
            mrr_day_spans.currency = fx_rates.currency
            and {{ month_start('mrr_day_spans.from_date') }} = fx_rates.month
    where mrr_day_spans.mrr_native > 0
),

plan_steps as (
    select
        account_id,
        plan_key,
        from_date as change_date,
        mrr as step
    from paid_spans

    union all

    select
        account_id,
        plan_key,
        to_date as change_date,
        -mrr as step
    from paid_spans
    where to_date is not null
),

steps_netted as (
    select
        account_id,
        plan_key,
        change_date,
        sum(step) as step
    from plan_steps
    group by 1, 2, 3
),

account_plans as (
    select distinct
        account_id,
        plan_key
    from steps_netted
),

account_dates as (
    select distinct
        account_id,
        change_date
    from steps_netted
),

balances as (
    -- every plan an account ever had, on every day something changed
    select
        account_dates.account_id,
        account_dates.change_date,
        account_plans.plan_key,
        sum(coalesce(steps_netted.step, 0)) over (
            partition by account_dates.account_id, account_plans.plan_key
            order by account_dates.change_date
            rows between unbounded preceding and current row
        ) as mrr
    from account_dates
    inner join account_plans
        on account_dates.account_id = account_plans.account_id
    left join steps_netted
        on
            account_dates.account_id = steps_netted.account_id
            and account_dates.change_date = steps_netted.change_date
            and account_plans.plan_key = steps_netted.plan_key
),

main_plans as (
    -- the plan most is paid for; nothing paid is the free plan
    select
        balances.account_id,
        balances.change_date,
        case when balances.mrr > 0 then balances.plan_key else free_plan.plan_key end as plan_key
    from balances
    cross join free_plan
    qualify row_number() over (
        partition by balances.account_id, balances.change_date
        order by balances.mrr desc, balances.plan_key
    ) = 1
),

entries_free as (
    -- free from the day of entry on, unless it paid that day
    select
        account_entries.account_id,
        cast(account_entries.entered_at as date) as change_date,
        free_plan.plan_key
    from account_entries
    cross join free_plan
    left join main_plans
        on
            account_entries.account_id = main_plans.account_id
            and main_plans.change_date <= cast(account_entries.entered_at as date)
    where main_plans.account_id is null
),

history as (
    select
        account_id,
        change_date,
        plan_key
    from main_plans

    union all

    select
        account_id,
        change_date,
        plan_key
    from entries_free
),

history_compared as (
    select
        *,
        lag(plan_key) over (partition by account_id order by change_date) as previous_plan
    from history
),

changes as (
    select
        account_id,
        plan_key,
        previous_plan,
        change_date as from_date,
        lead(change_date) over account_history as to_date,
        lead(plan_key) over account_history as next_plan,
        row_number() over account_history as span_number
    from history_compared
    where
        previous_plan is null
        or previous_plan <> plan_key
    window account_history as (partition by account_id order by change_date)
),

movements_by_day as (
    select
        account_id,
        movement_date,
        sum(amount) as amount
    from mrr_movements
    group by 1, 2
),

final as (
    select
        -- keys
        changes.account_id,
        cast(changes.span_number as integer) as span_number,
        -- attributes
        changes.plan_key as plan,
        changes.previous_plan,
        changes.next_plan,
        case
            when changes.next_plan is null then null
            when changes.next_plan = free_plan.plan_key then 'churn'
            when changes.plan_key = free_plan.plan_key and changes.span_number = 1 then 'conversion'
            when changes.plan_key = free_plan.plan_key and changes.previous_plan is not null then 'return'
            when next_ranks.plan_rank > ranks.plan_rank then 'upgrade'
            when next_ranks.plan_rank < ranks.plan_rank then 'downgrade'
            -- a plan the seed does not rank
            else 'other'
        end as end_kind,
        changes.to_date is null as is_running,
        -- measures
        cast(
            case when changes.to_date is not null then coalesce(movements_by_day.amount, 0) end as decimal(18, 2)
        ) as end_mrr_delta,
        {{ days_between('changes.from_date', 'coalesce(changes.to_date, as_of.as_of_date)') }} as days_on_plan,
        -- times
        changes.from_date,
        changes.to_date
    from changes
    cross join free_plan
    cross join as_of
    left join plans as ranks
        on changes.plan_key = ranks.plan_key
    left join plans as next_ranks
        on changes.next_plan = next_ranks.plan_key
    left join movements_by_day
        on
            changes.account_id = movements_by_day.account_id
            and changes.to_date = movements_by_day.movement_date
)

select * from final
