with

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

accounts as (
    select
        account_id,
        min({{ month_start('movement_date') }}) as first_month
    from mrr_movements
    group by account_id
),

-- every month from the first with revenue to the one that is under way
account_months as (
    select
        accounts.account_id,
        {{ month_spine('accounts.first_month', month_start("as_of.as_of_at - interval '1' microsecond")) }} as month
    from accounts
    cross join as_of
),

movements_by_month as (
    select
        account_id,
        {{ month_start('movement_date') }} as month,
        sum(case when movement_type = 'new' then amount else 0 end) as new_mrr,
        sum(case when movement_type = 'expansion' then amount else 0 end) as expansion_mrr,
        sum(case when movement_type = 'contraction' then amount else 0 end) as contraction_mrr,
        sum(case when movement_type = 'churn' then amount else 0 end) as churn_mrr,
        sum(case when movement_type = 'reactivation' then amount else 0 end) as reactivation_mrr,
        sum(case when movement_type = 'fx' then amount else 0 end) as fx_mrr,
        sum(amount) as change_mrr
    from mrr_movements
    group by 1, 2
),

balances as (
    select
        account_months.account_id,
        account_months.month,
        coalesce(movements_by_month.new_mrr, 0) as new_mrr,
        coalesce(movements_by_month.expansion_mrr, 0) as expansion_mrr,
        coalesce(movements_by_month.contraction_mrr, 0) as contraction_mrr,
        coalesce(movements_by_month.churn_mrr, 0) as churn_mrr,
        coalesce(movements_by_month.reactivation_mrr, 0) as reactivation_mrr,
        coalesce(movements_by_month.fx_mrr, 0) as fx_mrr,
        coalesce(movements_by_month.change_mrr, 0) as change_mrr,
        sum(coalesce(movements_by_month.change_mrr, 0)) over (
            partition by account_months.account_id
            order by account_months.month
            rows between unbounded preceding and current row
        ) as closing_mrr
    from account_months
    left join movements_by_month
        on
            account_months.account_id = movements_by_month.account_id
            and account_months.month = movements_by_month.month
),

final as (
    select
        -- keys
        account_id,
        month,
        -- measures
        cast(closing_mrr - change_mrr as decimal(18, 2)) as opening_mrr,
        cast(new_mrr as decimal(18, 2)) as new_mrr,
        cast(expansion_mrr as decimal(18, 2)) as expansion_mrr,
        cast(contraction_mrr as decimal(18, 2)) as contraction_mrr,
        cast(churn_mrr as decimal(18, 2)) as churn_mrr,
        cast(reactivation_mrr as decimal(18, 2)) as reactivation_mrr,
        cast(fx_mrr as decimal(18, 2)) as fx_mrr,
        cast(closing_mrr as decimal(18, 2)) as closing_mrr
    from balances
)

select * from final
