with

signals_met as (
    select * from {{ ref('fct_expansion_signals') }}
),

kinds as (
    select * from {{ ref('expansion_kinds') }}
),

changes as (
    select
        account_id,
        kind,
        valid_from as change_date,
        points
    from signals_met
    union all
    select
        account_id,
        kind,
        valid_to as change_date,
        -points as points
    from signals_met
),

changes_by_date as (
    select
        account_id,
        kind,
        change_date,
        sum(points) as points
    from changes
    group by 1, 2, 3
),

totals as (
    select
        account_id,
        kind,
        change_date as from_date,
        lead(change_date) over (partition by account_id, kind order by change_date) as to_date,
        sum(points) over (
            partition by account_id, kind
            order by change_date
            rows between unbounded preceding and current row
        ) as points
    from changes_by_date
),

final as (
    select
        totals.account_id,
        totals.kind,
        totals.from_date,
        totals.to_date,
        cast(totals.points as decimal(9, 2)) as points
    from totals
    inner join kinds on totals.kind = kinds.kind
    where totals.points >= kinds.min_points and totals.to_date is not null
)

select * from final
