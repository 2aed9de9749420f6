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
        movement_date as from_date,
        lead(movement_date) over (partition by account_id order by movement_date) as to_date,
        sum(amount) over (
            partition by account_id
            order by movement_date
            rows between unbounded preceding and current row
        ) as mrr
    from changes
),

stretches as (
    select
        *,
        sum(case when mrr > 0 then 0 else 1 end) over (
            partition by account_id
            order by from_date
            rows between unbounded preceding and current row
        ) as stretch_number
    from balances
),

final as (
    select
        account_id,
        from_date,
        coalesce(to_date, date '9999-12-31') as to_date,
        cast(mrr as decimal(18, 2)) as mrr,
        min(from_date) over (partition by account_id, stretch_number) as paying_since,
        max(coalesce(to_date, date '9999-12-31')) over (partition by account_id, stretch_number) as paying_until,
        min(from_date) over (partition by account_id) as first_paid_date
    from stretches
    where mrr > 0
)

select * from final
