with

account_sourcing as (
    select * from {{ ref('fct_account_sourcing') }}
),

deals as (
    select * from {{ ref('fct_deals') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

won_by_plg as (
    -- MRR of the first payment, taken for a year, as pipeline is
    select
        cohort_month as month,
        count(case when plg_path = 'plg_self_serve' then 1 end) as count_plg_sourced,
        sum(case when plg_path = 'plg_self_serve' then 12 * first_mrr else 0 end) as plg_sourced_amount,
        count(case when plg_path in ('plg_influenced_sales_closed', 'plg_evaluated_sales_closed') then 1 end) as count_plg_assisted,
        sum(
            case
                when plg_path in ('plg_influenced_sales_closed', 'plg_evaluated_sales_closed') then 12 * first_mrr
                else 0
            end
        ) as plg_assisted_amount
    from account_sourcing
    where cohort_month is not null
    group by cohort_month
),

lost_to_it as (
    select
        {{ month_start('self_serve_bought_at') }} as month,
        count(*) as count_deals_exposed,
        count(case when cannibalisation = 'lost' then 1 end) as count_deals_lost,
        count(case when cannibalisation = 'shrunk' then 1 end) as count_deals_shrunk,
        sum(pipeline_exposed_amount) as pipeline_exposed_amount,
        sum(pipeline_lost_amount) as pipeline_lost_amount
    from deals
    where self_serve_bought_at is not null
    group by 1
),

months as (
    select month from won_by_plg
    union
    select month from lost_to_it
),

final as (
    select
        -- keys
        months.month,
        -- measures
        coalesce(won_by_plg.count_plg_sourced, 0) as count_plg_sourced,
        coalesce(won_by_plg.count_plg_assisted, 0) as count_plg_assisted,
        coalesce(lost_to_it.count_deals_exposed, 0) as count_deals_exposed,
        coalesce(lost_to_it.count_deals_lost, 0) as count_deals_lost,
        coalesce(lost_to_it.count_deals_shrunk, 0) as count_deals_shrunk,
        cast(coalesce(won_by_plg.plg_sourced_amount, 0) as decimal(18, 2)) as plg_sourced_amount,
        cast(coalesce(won_by_plg.plg_assisted_amount, 0) as decimal(18, 2)) as plg_assisted_amount,
        cast(coalesce(lost_to_it.pipeline_exposed_amount, 0) as decimal(18, 2)) as pipeline_exposed_amount,
        cast(coalesce(lost_to_it.pipeline_lost_amount, 0) as decimal(18, 2)) as pipeline_lost_amount,
        cast(
            coalesce(won_by_plg.plg_sourced_amount, 0)
            + coalesce(won_by_plg.plg_assisted_amount, 0)
            - coalesce(lost_to_it.pipeline_lost_amount, 0)
            as decimal(18, 2)
        ) as net_amount,
        -- attributes
        {{ add_days(add_months_to('months.month', 1), var('cannibalisation_days')) }} <= as_of.as_of_date as is_mature
    from months
    cross join as_of
    left join won_by_plg
        on months.month = won_by_plg.month
    left join lost_to_it
        on months.month = lost_to_it.month
)

select * from final
