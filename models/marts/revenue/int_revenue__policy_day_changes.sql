with

policy_spans as (
    select * from {{ ref('int_revenue__policy_spans') }}
),

policies as (
    select * from {{ ref('mrr_policies') }}
),

subscription_item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

day_changes as (
    select * from {{ ref('int_revenue__account_day_changes') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

as_of as (
    select
        *,
        cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

constant_rates as (
    select
        currency,
        rate
    from fx_rates
    {%- if var('constant_fx_month', none) is not none %}
    where month <= date '{{ var("constant_fx_month") }}'
    {%- endif %}
    qualify row_number() over (partition by currency order by month desc) = 1
),

fx_choices as (
    select distinct fx from policies
),

rates as (
    select
        fx_rates.month,
        fx_rates.currency,
        fx_choices.fx,
        case when fx_choices.fx = 'constant' then coalesce(constant_rates.rate, fx_rates.rate) else fx_rates.rate end as rate
    from fx_rates
    cross join fx_choices
    left join constant_rates
        on fx_rates.currency = constant_rates.currency
),

-- from here on as core.int_core__account_currency_changes and int_revenue__account_day_changes do
-- for the default: a test holds the default policy against them
deltas as (
    select
        policy_key,
        account_id,
        currency,
        from_date as change_date,
        mrr_native as delta_native
    from policy_spans

    union all

    select
        policy_key,
        account_id,
        currency,
        to_date as change_date,
        -mrr_native as delta_native
    from policy_spans
    where to_date is not null
),

days_netted as (
    select
        policy_key,
        account_id,
        currency,
        change_date,
        cast(sum(delta_native) as decimal(18, 3)) as delta_native
    from deltas
    group by 1, 2, 3, 4
    having sum(delta_native) <> 0
),

balances as (
    select
        days_netted.*,
        policies.fx,
        cast(
            sum(days_netted.delta_native) over (
                partition by days_netted.policy_key, days_netted.account_id, days_netted.currency
                order by days_netted.change_date
                rows between unbounded preceding and current row
            ) as decimal(18, 3)
        ) as native_after,
        lead(days_netted.change_date) over (
            partition by days_netted.policy_key, days_netted.account_id, days_netted.currency
            order by days_netted.change_date
        ) as next_change_date
    from days_netted
    inner join policies
        on days_netted.policy_key = policies.policy_key
),

days as (
    select
        policy_key,
        account_id,
        currency,
        fx,
        change_date,
        cast(native_after - delta_native as decimal(18, 3)) as native_before,
        native_after
    from balances

    union all

    -- what is held in a foreign currency changes its value on the first of every month
    select
        balances.policy_key,
        balances.account_id,
        balances.currency,
        balances.fx,
        fx_rates.month as change_date,
        balances.native_after as native_before,
        balances.native_after
    from balances
    cross join as_of
    inner join fx_rates
        on
            balances.currency = fx_rates.currency
            and balances.change_date < fx_rates.month
            and as_of.last_date >= fx_rates.month
            and coalesce(balances.next_change_date > fx_rates.month, true)
    where
        balances.native_after <> 0
        and balances.currency <> as_of.reporting_currency
        and balances.fx = 'spot'
),

days_with_rates as (
    select
        days.*,
        rates_today.rate as rate_after,
        coalesce(rates_yesterday.rate, rates_today.rate) as rate_before
    from days
    inner join rates as rates_today
        on
            days.currency = rates_today.currency
            and days.fx = rates_today.fx
            and {{ month_start('days.change_date') }} = rates_today.month
    left join rates as rates_yesterday
        on
            days.currency = rates_yesterday.currency
            and days.fx = rates_yesterday.fx
            and {{ month_start(add_days('days.change_date', -1)) }} = rates_yesterday.month
),

valued as (
    select
        policy_key,
        account_id,
        change_date,
        {{ round_money(at_rate('native_before', 'rate_before')) }} as mrr_before,
        {{ round_money(at_rate('native_before', 'rate_after')) }} as mrr_revalued,
        {{ round_money(at_rate('native_after', 'rate_after')) }} as mrr_after
    from days_with_rates
),

account_days as (
    select
        policy_key,
        account_id,
        change_date,
        cast(sum(mrr_revalued - mrr_before) as decimal(18, 2)) as fx_amount,
        cast(sum(mrr_after - mrr_revalued) as decimal(18, 2)) as change_amount
    from valued
    where
        mrr_revalued <> mrr_before
        or mrr_after <> mrr_revalued
    group by 1, 2, 3
),

account_balances as (
    select
        *,
        cast(
            sum(fx_amount + change_amount) over (
                partition by policy_key, account_id
                order by change_date
                rows between unbounded preceding and current row
            ) as decimal(18, 2)
        ) as mrr_after
    from account_days
),

-- a spell is the time between two zeros: the day it ends belongs to it
spells_numbered as (
    select
        *,
        coalesce(
            sum(case when mrr_after <= 0 then 1 else 0 end) over (
                partition by policy_key, account_id
                order by change_date
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as spell_number
    from account_balances
),

spells as (
    select
        policy_key,
        account_id,
        spell_number,
        min(mrr_after) <= 0
        and {{ month_start('min(change_date)') }} = {{ month_start('max(change_date)') }} as is_within_a_month
    from spells_numbered
    group by 1, 2, 3
),

first_spells_that_stayed as (
    select
        policy_key,
        account_id,
        min(spell_number) as spell_number
    from spells
    where not is_within_a_month
    group by 1, 2
),

days_counted as (
    -- under the policy, who signed up and left within a month was never there
    select spells_numbered.*
    from spells_numbered
    inner join policies
        on spells_numbered.policy_key = policies.policy_key
    left join first_spells_that_stayed
        on
            spells_numbered.policy_key = first_spells_that_stayed.policy_key
            and spells_numbered.account_id = first_spells_that_stayed.account_id
    where
        policies.same_month = 'counted'
        or spells_numbered.spell_number >= first_spells_that_stayed.spell_number
),

histories as (
    select
        *,
        cast(mrr_after - change_amount as decimal(18, 2)) as mrr_before_change,
        lag(change_date) over (partition by policy_key, account_id order by change_date) as previous_change_date,
        coalesce(
            max(mrr_after) over (
                partition by policy_key, account_id
                order by change_date
                rows between unbounded preceding and 1 preceding
            ) > 0, false
        ) as has_paid_before
    from days_counted
),

zero_days as (
    select
        policy_key,
        account_id,
        change_date,
        previous_change_date,
        mrr_after <= 0 as is_drop
    from histories
    where
        change_amount <> 0
        and (mrr_after <= 0 or (mrr_before_change <= 0 and has_paid_before))
),

-- the days on which an account that pays nothing is still a customer of a free item
days_on_free as (
    select distinct
        zero_days.policy_key,
        zero_days.account_id,
        zero_days.change_date
    from zero_days
    inner join policies
        on zero_days.policy_key = policies.policy_key
    inner join subscription_item_periods
        on
            zero_days.account_id = subscription_item_periods.account_id
            and (
                -- at the end of the day of the drop, for as long as it takes to the return
                cast(subscription_item_periods.valid_from as date)
                <= case when zero_days.is_drop then zero_days.change_date else zero_days.previous_change_date end
                and coalesce(
                    cast(subscription_item_periods.valid_to as date)
                    >= case when zero_days.is_drop then {{ add_days('zero_days.change_date', 1) }} else zero_days.change_date end,
                    true
                )
            )
    where
        policies.paid_to_free = 'contraction'
        and subscription_item_periods.counts_as_mrr
        and subscription_item_periods.mrr_cents = 0
        and not subscription_item_periods.is_metered
),

named as (
    select
        histories.*,
        case
            when histories.change_amount = 0 then null
            when histories.mrr_before_change <= 0 and histories.has_paid_before
                then case when days_on_free.account_id is null then 'reactivation' else 'expansion' end
            when histories.mrr_before_change <= 0 then 'new'
            when histories.mrr_after <= 0
                then case when days_on_free.account_id is null then 'churn' else 'contraction' end
            when histories.change_amount > 0 then 'expansion'
            else 'contraction'
        end as net_type,
        -- bought within the grouping window over midnight: it continues the day before
        case
            when
                day_changes.continued_amount > 0
                and histories.change_amount > 0
                and histories.mrr_before_change > 0
                then least(day_changes.continued_amount, histories.change_amount)
            else 0
        end as continued_amount,
        day_changes.continued_type
    from histories
    left join days_on_free
        on
            histories.policy_key = days_on_free.policy_key
            and histories.account_id = days_on_free.account_id
            and histories.change_date = days_on_free.change_date
    left join day_changes
        on
            histories.account_id = day_changes.account_id
            and histories.change_date = day_changes.change_date
),

final as (
    select
        -- keys
        policy_key,
        account_id,
        change_date,
        -- attributes
        case when change_amount <> continued_amount then net_type end as movement_type,
        case when continued_amount <> 0 then continued_type end as continued_type,
        -- measures
        fx_amount,
        cast(continued_amount as decimal(18, 2)) as continued_amount,
        cast(change_amount - continued_amount as decimal(18, 2)) as change_amount,
        mrr_after
    from named
)

select * from final
