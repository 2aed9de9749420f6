with

payment_recovery as (
    select * from {{ ref('rpt_payment_recovery') }}
),

failed_invoices as (
    select * from {{ ref('fct_failed_invoices') }}
    where not is_first_payment
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

recovery_by_month as (
    select
        month,
        sum(failed_invoices) as failed_invoices,
        sum(recovered_invoices) as recovered_invoices,
        sum(lost_invoices) as lost_invoices,
        sum(open_invoices) as open_invoices,
        sum(failed_amount) as failed_amount,
        sum(recovered_amount) as recovered_amount,
        sum(lost_amount) as lost_amount,
        sum(open_amount) as open_amount
    from payment_recovery
    group by month
),

accounts_by_month as (
    select
        failed_month as month,
        count(distinct account_id) as failed_accounts
    from failed_invoices
    group by failed_month
),

involuntary_churn as (
    select
        {{ month_start('movement_date') }} as month,
        -sum(amount) as involuntary_churn_mrr,
        count(*) as involuntary_churned_accounts
    from mrr_movements
    where
        movement_type = 'churn'
        and cause = 'involuntary'
    group by 1
),

churn as (
    select
        {{ month_start('movement_date') }} as month,
        -sum(amount) as churn_mrr
    from mrr_movements
    where movement_type = 'churn'
    group by 1
),

opening as (
    select
        month,
        sum(opening_mrr) as opening_mrr
    from mrr_months
    group by month
),

months as (
    select month from opening
    union
    select month from recovery_by_month
),

by_month as (
    select
        months.month,
        {{ is_recovery_mature('months.month') }} as is_mature,
        coalesce(recovery_by_month.failed_invoices, 0) as failed_invoices,
        coalesce(recovery_by_month.recovered_invoices, 0) as recovered_invoices,
        coalesce(recovery_by_month.lost_invoices, 0) as lost_invoices,
        coalesce(recovery_by_month.open_invoices, 0) as open_invoices,
        coalesce(accounts_by_month.failed_accounts, 0) as failed_accounts,
        coalesce(recovery_by_month.failed_amount, 0) as failed_amount,
        coalesce(recovery_by_month.recovered_amount, 0) as recovered_amount,
        coalesce(recovery_by_month.lost_amount, 0) as lost_amount,
        coalesce(recovery_by_month.open_amount, 0) as open_amount,
        coalesce(opening.opening_mrr, 0) as opening_mrr,
        coalesce(churn.churn_mrr, 0) as churn_mrr,
        coalesce(involuntary_churn.involuntary_churn_mrr, 0) as involuntary_churn_mrr,
        coalesce(involuntary_churn.involuntary_churned_accounts, 0) as involuntary_churned_accounts
    from months
    cross join as_of
    left join recovery_by_month
        on months.month = recovery_by_month.month
    left join accounts_by_month
        on months.month = accounts_by_month.month
    left join opening
        on months.month = opening.month
    left join churn
        on months.month = churn.month
    left join involuntary_churn
        on months.month = involuntary_churn.month
),

final as (
    select
        -- keys
        month,
        -- attributes
        is_mature,
        -- a month still in dunning is no alarm yet
        is_mature
        and recovered_invoices + lost_invoices > 0
        and recovered_invoices < {{ var('payment_recovery_red_flag') }} * (recovered_invoices + lost_invoices)
            as is_red_flag,
        -- measures
        cast(failed_invoices as bigint) as failed_invoices,
        cast(recovered_invoices as bigint) as recovered_invoices,
        cast(lost_invoices as bigint) as lost_invoices,
        cast(open_invoices as bigint) as open_invoices,
        cast(recovered_invoices + lost_invoices as bigint) as resolved_invoices,
        case
            when recovered_invoices + lost_invoices > 0
                then cast(recovered_invoices as double) / cast(recovered_invoices + lost_invoices as double)
        end as recovery_rate,
        case
            when failed_invoices > 0 then cast(open_invoices as double) / cast(failed_invoices as double)
        end as open_share,
        failed_accounts,
        cast(failed_amount as decimal(18, 2)) as failed_amount,
        cast(recovered_amount as decimal(18, 2)) as recovered_amount,
        cast(lost_amount as decimal(18, 2)) as lost_amount,
        cast(open_amount as decimal(18, 2)) as open_amount,
        cast(opening_mrr as decimal(18, 2)) as opening_mrr,
        cast(churn_mrr as decimal(18, 2)) as churn_mrr,
        cast(involuntary_churn_mrr as decimal(18, 2)) as involuntary_churn_mrr,
        involuntary_churned_accounts,
        case
            when opening_mrr > 0 then cast(involuntary_churn_mrr as double) / cast(opening_mrr as double)
        end as involuntary_churn_rate
    from by_month
)

select * from final
