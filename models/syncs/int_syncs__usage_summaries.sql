with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_days as (
    select * from {{ ref('fct_account_days') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

months_active as (
    -- this month so far and the one before: what is older is in the CRM already, and stays
    select
        account_days.account_id,
        cast(date_trunc('month', account_days.activity_date) as date) as usage_month,
        count(distinct account_days.person_id) as active_users,
        count(distinct account_days.activity_date) as active_days,
        sum(account_days.count_events) as count_events
    from account_days
    inner join event_registry
        on
            account_days.event_name = event_registry.event_name
            and event_registry.is_product_activity
    cross join clock
    where
        account_days.activity_date <= cast(clock.as_of_at - interval '1' microsecond as date)
        and account_days.activity_date
        >= {{ add_months_to("cast(date_trunc('month', clock.as_of_at - interval '1' microsecond) as date)", -1) }}
    group by
        account_days.account_id,
        cast(date_trunc('month', account_days.activity_date) as date)
),

final as (
    select
        concat(months_active.account_id, '|', substr(cast(months_active.usage_month as varchar), 1, 7)) as record_key,
        months_active.account_id,
        substr(
            concat(
                coalesce(accounts.account_name, accounts.domain, accounts.account_id),
                ' ', substr(cast(months_active.usage_month as varchar), 1, 7)
            ), 1, 80
        ) as name,
        months_active.usage_month,
        cast(months_active.active_users as bigint) as active_users,
        cast(months_active.active_days as bigint) as active_days,
        cast(months_active.count_events as bigint) as count_events,
        cast(coalesce(mrr_months.closing_mrr, 0) as decimal(18, 2)) as mrr
    from months_active
    inner join accounts on months_active.account_id = accounts.account_id
    left join mrr_months
        on
            months_active.account_id = mrr_months.account_id
            and months_active.usage_month = mrr_months.month
)

select * from final
