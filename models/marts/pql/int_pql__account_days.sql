with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

mrr_changes as (
    select
        account_id,
        movement_date,
        sum(amount) as amount
    from movements
    group by account_id, movement_date
),

mrr_states as (
    select
        account_id,
        movement_date as valid_from,
        lead(movement_date) over (partition by account_id order by movement_date) as valid_to,
        sum(amount) over (
            partition by account_id
            order by movement_date
            rows between unbounded preceding and current row
        ) as mrr
    from mrr_changes
),

paying_periods as (
    select
        account_id,
        valid_from,
        valid_to
    from mrr_states
    where mrr > 0
),

accounts_known as (
    select
        account_id,
        min(known_date) as known_date
    from account_people
    group by account_id
),

open_days as (
    -- an account has a score from the day it signed up on, or, if that was heard of later, from then on
    select
        accounts.account_id,
        {{ date_spine(
            'greatest(cast(accounts.signed_up_at as date), accounts_known.known_date, build_window.open_date)',
            'build_window.last_score_date'
        ) }} as score_date
    from accounts
    inner join accounts_known on accounts.account_id = accounts_known.account_id
    cross join build_window
    where accounts.signed_up_at is not null
),

final as (
    select
        open_days.account_id,
        open_days.score_date
    from open_days
    left join paying_periods
        on
            open_days.account_id = paying_periods.account_id
            and open_days.score_date >= paying_periods.valid_from
            and open_days.score_date < coalesce(paying_periods.valid_to, date '9999-12-31')
    where paying_periods.account_id is null
)

select * from final
