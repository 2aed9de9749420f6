{#- A restated month is recomputed one kind of change at a time, in this order; what each step
    moves is its cause's. What is left when all were taken is exactly the figure of now. -#}
{%- set steps = [
    'before', 'mapping_merge', 'fx_rate',
    'backdated', 'corrected', 'late_event', 'policy_change', 'recalculated', 'withdrawn',
] -%}

with

close_log as (
    select close_log.*
    from {{ ref('int_revenue__mrr_close_log') }} as close_log
    inner join {{ ref('dim_as_of') }} as as_of
        on close_log.recorded_at <= as_of.as_of_at
),

mrr_closes as (
    select * from {{ ref('fct_mrr_closes') }}
),

steps as (
    {% for step in steps %}
    select
        cast({{ loop.index0 }} as integer) as step_number,
        '{{ step }}' as step
    {{ "union all" if not loop.last }}
    {% endfor %}
),

item_versions as (
    select
        *,
        lag(account_id) over item_history as account_before,
        lag(mrr_native) over item_history as mrr_native_before,
        lag(rate) over item_history as rate_before,
        lead(version_number) over item_history as next_version_number
    from close_log
    where item_key is not null
    window item_history as (partition by month, item_key, currency order by version_number)
),

changes as (
    select
        item_versions.*,
        steps.step_number
    from item_versions
    left join steps
        on item_versions.cause = steps.step
    where item_versions.cause <> 'closed'
),

accounts_touched as (
    select
        version_number,
        month,
        account_id,
        recorded_at
    from changes
    union
    select
        version_number,
        month,
        account_before as account_id,
        recorded_at
    from changes
    where account_before is not null
),

-- all an account had, so that its currencies are rounded as the month rounds them
items_untouched as (
    select
        accounts_touched.version_number,
        accounts_touched.month,
        accounts_touched.account_id,
        item_versions.currency,
        item_versions.mrr_native,
        item_versions.rate
    from accounts_touched
    inner join item_versions
        on
            accounts_touched.month = item_versions.month
            and accounts_touched.account_id = item_versions.account_id
            and accounts_touched.version_number > item_versions.version_number
            and coalesce(accounts_touched.version_number < item_versions.next_version_number, true)
),

states as (
    select
        items_untouched.version_number,
        items_untouched.month,
        steps.step_number,
        steps.step,
        items_untouched.account_id,
        items_untouched.currency,
        items_untouched.mrr_native,
        items_untouched.rate
    from items_untouched
    cross join steps

    union all

    select
        changes.version_number,
        changes.month,
        steps.step_number,
        steps.step,
        case
            when steps.step = 'before' then coalesce(changes.account_before, changes.account_id)
            else changes.account_id
        end as account_id,
        changes.currency,
        case
            when steps.step_number >= coalesce(changes.step_number, 0) and steps.step_number > 2
                then changes.mrr_native
            else coalesce(changes.mrr_native_before, 0)
        end as mrr_native,
        case
            when steps.step_number < 2 then coalesce(changes.rate_before, changes.rate)
            else changes.rate
        end as rate
    from changes
    cross join steps
),

balances_by_currency as (
    select
        version_number,
        month,
        account_id,
        step_number,
        step,
        currency,
        {{ round_money('sum(' ~ at_rate('mrr_native', 'rate') ~ ')') }} as mrr
    from states
    group by 1, 2, 3, 4, 5, 6
),

balances as (
    select
        accounts_touched.version_number,
        accounts_touched.month,
        accounts_touched.account_id,
        accounts_touched.recorded_at,
        steps.step_number,
        steps.step,
        coalesce(sum(balances_by_currency.mrr), 0) as mrr
    from accounts_touched
    cross join steps
    left join balances_by_currency
        on
            accounts_touched.version_number = balances_by_currency.version_number
            and accounts_touched.month = balances_by_currency.month
            and accounts_touched.account_id = balances_by_currency.account_id
            and steps.step_number = balances_by_currency.step_number
    group by 1, 2, 3, 4, 5, 6
),

differences as (
    select
        *,
        mrr - lag(mrr) over (partition by version_number, month, account_id order by step_number) as difference
    from balances
),

final as (
    select
        -- keys
        differences.account_id,
        differences.month,
        differences.version_number,
        differences.step as cause,
        -- measures
        cast(coalesce(mrr_closes.reported_mrr, 0) as decimal(18, 2)) as reported_mrr,
        cast(differences.difference as decimal(18, 2)) as difference,
        cast(
            coalesce(mrr_closes.reported_mrr, 0)
            + sum(differences.difference) over (
                partition by differences.account_id, differences.month
                order by differences.version_number, differences.step_number
                rows between unbounded preceding and current row
            ) as decimal(18, 2)
        ) as restated_mrr,
        cast(
            coalesce(mrr_closes.reported_mrr, 0)
            + sum(differences.difference) over (partition by differences.account_id, differences.month)
            as decimal(18, 2)
        ) as now_mrr,
        -- times
        differences.recorded_at as first_seen_at
    from differences
    left join mrr_closes
        on
            differences.account_id = mrr_closes.account_id
            and differences.month = mrr_closes.month
    where differences.difference <> 0
)

select * from final
