with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
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

days_since_signup as (
    -- a day that has not begun at as_of has no score: midnight belongs to the day before
    select
        accounts.account_id,
        {{ date_spine(
            'cast(accounts.signed_up_at as date)',
            "cast(clock.as_of_at - interval '1' microsecond as date)"
        ) }} as score_date
    from accounts
    cross join clock
    where accounts.signed_up_at is not null
),

final as (
    select
        days_since_signup.account_id,
        days_since_signup.score_date
    from days_since_signup
    left join paying_periods
        on
            days_since_signup.account_id = paying_periods.account_id
            and days_since_signup.score_date >= paying_periods.valid_from
            and days_since_signup.score_date < coalesce(paying_periods.valid_to, date '9999-12-31')
    where paying_periods.account_id is null
)

select * from final
