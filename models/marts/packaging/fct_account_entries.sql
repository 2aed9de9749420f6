with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_sourcing as (
    select * from {{ ref('fct_account_sourcing') }}
),

trials as (
    select * from {{ ref('fct_trials') }}
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
    where movement_type = 'new'
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

first_trials as (
    select
        account_id,
        is_reverse_trial,
        started_at
    from trials
    qualify row_number() over (partition by account_id order by started_at, trial_id) = 1
),

first_payments as (
    -- an account is new once; the causes of that day add up
    select
        account_id,
        min(movement_date) as first_paid_date,
        max(case when cause = 'contract' then 1 else 0 end) = 1 as is_contract,
        sum(amount) as first_mrr
    from mrr_movements
    group by account_id
),

entries as (
    select
        accounts.account_id,
        accounts.segment,
        account_sourcing.sourcing,
        first_trials.started_at as first_trial_at,
        first_trials.is_reverse_trial,
        first_payments.first_paid_date,
        first_payments.is_contract,
        first_payments.first_mrr,
        accounts.signed_up_at,
        nullif(
            least(
                coalesce(accounts.signed_up_at, {{ end_of_time() }}),
                coalesce(first_trials.started_at, {{ end_of_time() }}),
                coalesce(cast(first_payments.first_paid_date as timestamp), {{ end_of_time() }})
            ),
            {{ end_of_time() }}
        ) as earliest_at
    from accounts
    left join account_sourcing
        on accounts.account_id = account_sourcing.account_id
    left join first_trials
        on accounts.account_id = first_trials.account_id
    left join first_payments
        on accounts.account_id = first_payments.account_id
),

entries_dated as (
    select
        *,
        -- revenue is dated to the day: who signs up and pays on one day signs up first
        case
            when cast(signed_up_at as date) = cast(earliest_at as date) then signed_up_at
            else earliest_at
        end as entered_at
    from entries
    where earliest_at is not null
),

final as (
    select
        -- keys
        entries_dated.account_id,
        -- attributes
        case
            when entries_dated.sourcing = 'sales' then 'sales'
            when coalesce(entries_dated.is_contract, false) and entries_dated.signed_up_at is null then 'sales'
            when
                entries_dated.first_trial_at
                <= {{ add_hours('entries_dated.entered_at', 24 * var('entry_trial_days')) }}
                then case when entries_dated.is_reverse_trial then 'reverse_trial' else 'trial' end
            when
                entries_dated.first_paid_date
                <= {{ add_days('entries_dated.entered_at', var('direct_purchase_days')) }}
                then 'direct'
            else 'freemium'
        end as entry_model,
        entries_dated.segment,
        -- measures
        cast(entries_dated.first_mrr as decimal(18, 2)) as first_mrr,
        {{ days_between('entries_dated.entered_at', 'entries_dated.first_paid_date') }} as days_to_paid,
        -- times
        {{ month_start('entries_dated.entered_at') }} as entry_month,
        entries_dated.entered_at,
        entries_dated.first_trial_at,
        entries_dated.first_paid_date
    from entries_dated
    cross join as_of
    where entries_dated.entered_at < as_of.as_of_at
)

select * from final
