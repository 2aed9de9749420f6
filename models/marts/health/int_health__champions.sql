with

paying_spans as (
    select * from {{ ref('int_health__paying_spans') }}
),

account_days as (
    select * from {{ ref('fct_account_days') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

paying_months as (
    select
        account_id,
        {{ month_spine(month_start('min(valid_from)'), month_start(add_days('max(valid_to)', -1))) }} as month
    from paying_spans
    group by account_id
),

person_days as (
    -- known from the first time anything of the day was received
    select
        account_days.account_id,
        account_days.person_id,
        account_days.activity_date,
        min(account_days.known_date) as known_date
    from account_days
    inner join event_registry
        on
            account_days.event_name = event_registry.event_name
            and event_registry.is_product_activity
    where account_days.person_id is not null
    group by
        account_days.account_id,
        account_days.person_id,
        account_days.activity_date
),

days_counted as (
    select
        paying_months.account_id,
        paying_months.month,
        person_days.person_id,
        count(*) as count_days,
        max(person_days.activity_date) as last_active_date
    from paying_months
    inner join person_days
        on
            paying_months.account_id = person_days.account_id
            and person_days.activity_date >= {{ add_days('paying_months.month', -var('health_champion_days')) }}
            and paying_months.month > person_days.activity_date
            and paying_months.month > person_days.known_date
    group by
        paying_months.account_id,
        paying_months.month,
        person_days.person_id
),

days_ranked as (
    select
        *,
        row_number() over (
            partition by account_id, month
            order by count_days desc, last_active_date desc, person_id
        ) as place
    from days_counted
),

final as (
    select
        account_id,
        month,
        person_id,
        count_days,
        last_active_date
    from days_ranked
    where place = 1
)

select * from final
