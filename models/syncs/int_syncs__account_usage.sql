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

clock as (
    select * from {{ ref('dim_as_of') }}
),

milestones as (
    select * from {{ ref('fct_account_milestones') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

people_active as (
    select
        account_days.account_id,
        count(distinct account_days.person_id) as active_users_28d
    from account_days
    inner join event_registry
        on
            account_days.event_name = event_registry.event_name
            and event_registry.is_product_activity
    cross join clock
    where
        account_days.activity_date > {{ add_days("cast(clock.as_of_at - interval '1' microsecond as date)", -28) }}
        and account_days.activity_date <= cast(clock.as_of_at - interval '1' microsecond as date)
    group by account_days.account_id
),

activations as (
    select
        account_id,
        min(reached_at) as activated_at
    from milestones
    where milestone = 'activation'
    group by account_id
),

last_closings as (
    select
        account_id,
        closing_mrr,
        row_number() over (partition by account_id order by month desc) as place
    from mrr_months
),

final as (
    select
        accounts.account_id,
        activations.activated_at,
        cast(coalesce(people_active.active_users_28d, 0) as bigint) as active_users_28d,
        cast(coalesce(last_closings.closing_mrr, 0) as decimal(18, 2)) as mrr
    from accounts
    left join activations on accounts.account_id = activations.account_id
    left join people_active on accounts.account_id = people_active.account_id
    left join last_closings
        on
            accounts.account_id = last_closings.account_id
            and last_closings.place = 1
)

select * from final
