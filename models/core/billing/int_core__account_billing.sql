with

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

account_currency_changes as (
    select * from {{ ref('int_core__account_currency_changes') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

newest_balances as (
    select
        account_id,
        currency,
        mrr_after
    from account_currency_changes
    qualify row_number() over (partition by account_id, currency order by change_date desc) = 1
),

mrr_now as (
    select
        account_id,
        cast(sum(mrr_after) as decimal(18, 2)) as mrr
    from newest_balances
    group by account_id
),

paid_starts as (
    -- what began and ended on one day never showed and was never revenue
    select
        account_id,
        valid_from as paid_from
    from item_periods
    where
        mrr_cents > 0
        and coalesce(cast(valid_from as date) < cast(valid_to as date), true)

    union all

    select
        contracts.account_id,
        cast(contracts.start_date as timestamp) as paid_from
    from contracts
    cross join as_of
    where
        contracts.mrr_cents > 0
        and contracts.start_date < as_of.as_of_at
),

paid_since as (
    select
        account_id,
        min(paid_from) as first_paid_at
    from paid_starts
    group by account_id
),

trials as (
    select
        account_id,
        bool_or(is_trial) as had_trial,
        bool_or(is_trial and valid_to is null) as is_trialing
    from item_periods
    group by account_id
),

items_now as (
    -- what the account is on today: the largest item it pays for, else what it tries, else what it
    -- has paused
    select
        account_id,
        plan_key,
        currency,
        mrr_native,
        1 as preference,
        item_key
    from mrr_day_spans
    where to_date is null

    union all

    select
        account_id,
        plan_key,
        currency,
        cast(0 as decimal(18, 2)) as mrr_native,
        2 as preference,
        item_id as item_key
    from item_periods
    where
        is_trial
        and valid_to is null

    union all

    select
        account_id,
        plan_key,
        currency,
        cast(0 as decimal(18, 2)) as mrr_native,
        3 as preference,
        item_id as item_key
    from item_periods
    where
        (is_collection_paused or status = 'paused')
        and valid_to is null
),

main_items as (
    select
        account_id,
        plan_key,
        currency
    from items_now
    qualify row_number() over (
        partition by account_id order by preference, mrr_native desc, item_key
    ) = 1
),

accounts as (
    select account_id from item_periods
    union
    select account_id from mrr_day_spans
),

final as (
    select
        -- keys
        accounts.account_id,
        main_items.plan_key,
        -- attributes
        main_items.account_id is not null as is_on_a_plan,
        coalesce(mrr_now.mrr, 0) > 0 as is_paying,
        coalesce(trials.is_trialing, false) as is_trialing,
        coalesce(trials.had_trial, false) as had_trial,
        main_items.currency,
        -- measures
        coalesce(mrr_now.mrr, 0) as mrr,
        -- times
        paid_since.first_paid_at
    from accounts
    left join mrr_now
        on accounts.account_id = mrr_now.account_id
    left join paid_since
        on accounts.account_id = paid_since.account_id
    left join trials
        on accounts.account_id = trials.account_id
    left join main_items
        on accounts.account_id = main_items.account_id
)

select * from final
