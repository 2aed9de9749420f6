with

movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

changes as (
    select
        account_id,
        movement_date,
        sum(amount) as amount
    from movements
    group by account_id, movement_date
),

balances as (
    select
        account_id,
        movement_date,
        sum(amount) over (
            partition by account_id
            order by movement_date
            rows between unbounded preceding and current row
        ) > 0 as is_paying
    from changes
),

switches as (
    select
        account_id,
        movement_date,
        is_paying,
        lag(is_paying) over (partition by account_id order by movement_date) as was_paying
    from balances
),

periods as (
    select
        account_id,
        is_paying,
        movement_date as valid_from,
        lead(movement_date) over (partition by account_id order by movement_date) as valid_to
    from switches
    where is_paying <> coalesce(was_paying, false)
),

final as (
    select
        account_id,
        valid_from,
        valid_to
    from periods
    where is_paying
)

select * from final
