with

months as (
    select * from {{ ref('int_economics__months') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

account_sourcing as (
    select * from {{ ref('fct_account_sourcing') }}
),

marketing_spend as (
    select * from {{ ref('fct_marketing_spend') }}
),

gtm_costs as (
    select * from {{ ref('fct_gtm_costs') }}
),

motions as (
    select 'self_serve' as motion
    union all
    select 'sales_assisted' as motion
),

account_months as (
    -- the motion of the time: a deal of tomorrow changes no month of yesterday
    select
        mrr_months.month,
        case
            when
                account_sourcing.motion = 'sales_assisted'
                and coalesce(
                    account_sourcing.sales_assisted_at < {{ add_months_to('mrr_months.month', 1) }}, true
                )
                then 'sales_assisted'
            else 'self_serve'
        end as motion,
        coalesce(account_sourcing.closing_motion, 'self_serve') as closing_motion,
        mrr_months.closing_mrr,
        mrr_months.new_mrr
    from mrr_months
    left join account_sourcing on mrr_months.account_id = account_sourcing.account_id
),

by_motion as (
    select
        month,
        motion,
        sum(closing_mrr) as mrr,
        count(case when closing_mrr > 0 then 1 end) as customers
    from account_months
    group by 1, 2
),

won_by_motion as (
    select
        month,
        closing_motion as motion,
        count(*) as new_customers
    from account_months
    where new_mrr > 0
    group by 1, 2
),

motion_months as (
    select
        months.month,
        months.is_complete,
        motions.motion,
        coalesce(by_motion.mrr, 0) as mrr,
        coalesce(by_motion.customers, 0) as customers,
        coalesce(won_by_motion.new_customers, 0) as new_customers
    from months
    cross join motions
    left join by_motion
        on
            months.month = by_motion.month
            and motions.motion = by_motion.motion
    left join won_by_motion
        on
            months.month = won_by_motion.month
            and motions.motion = won_by_motion.motion
),

costs as (
    -- Sales works for the sales-assisted alone; winning is shared by customers won, serving and the
    -- rest by customers there are
    select
        month,
        case
            when cost_kind = 'sales' then 'sales'
            when cost_role = 'acquisition' then 'winning'
            else 'serving'
        end as cost_of,
        amount
    from gtm_costs
    where amount is not null

    union all

    select
        {{ month_start('spend_date') }} as month,
        'winning' as cost_of,
        amount
    from marketing_spend
    where amount is not null
),

costs_by_month as (
    select
        month,
        cast(sum(case when cost_of = 'sales' then amount else 0 end) as decimal(18, 2)) as sales_cost,
        cast(sum(case when cost_of = 'winning' then amount else 0 end) as decimal(18, 2)) as winning_cost,
        cast(sum(case when cost_of = 'serving' then amount else 0 end) as decimal(18, 2)) as serving_cost
    from costs
    group by month
),

shares as (
    -- without anybody to share by: who there is at all, else half each
    select
        motion_months.*,
        coalesce(costs_by_month.sales_cost, 0) as sales_cost,
        coalesce(costs_by_month.winning_cost, 0) as winning_cost,
        coalesce(costs_by_month.serving_cost, 0) as serving_cost,
        case
            when sum(motion_months.new_customers) over (partition by motion_months.month) > 0
                then
                    cast(motion_months.new_customers as double)
                    / sum(motion_months.new_customers) over (partition by motion_months.month)
            when sum(motion_months.customers) over (partition by motion_months.month) > 0
                then
                    cast(motion_months.customers as double)
                    / sum(motion_months.customers) over (partition by motion_months.month)
            else 0.5
        end as share_of_winning,
        case
            when sum(motion_months.customers) over (partition by motion_months.month) > 0
                then
                    cast(motion_months.customers as double)
                    / sum(motion_months.customers) over (partition by motion_months.month)
            else 0.5
        end as share_of_serving
    from motion_months
    left join costs_by_month on motion_months.month = costs_by_month.month
),

self_serve_shared as (
    -- one motion is rounded, the other has the rest: together they are the cost to the cent
    select
        *,
        {{ round_money('cast(cast(winning_cost as double) * share_of_winning as decimal(18, 4))') }} as winning_rounded,
        {{ round_money('cast(cast(serving_cost as double) * share_of_serving as decimal(18, 4))') }} as serving_rounded
    from shares
),

shared as (
    select
        month,
        is_complete,
        motion,
        mrr,
        customers,
        new_customers,
        case when motion = 'sales_assisted' then sales_cost else 0 end as sales_cost,
        case
            when motion = 'self_serve' then winning_rounded
            else
                winning_cost
                - max(case when motion = 'self_serve' then winning_rounded end) over (partition by month)
        end as winning_cost,
        case
            when motion = 'self_serve' then serving_rounded
            else
                serving_cost
                - max(case when motion = 'self_serve' then serving_rounded end) over (partition by month)
        end as serving_cost
    from self_serve_shared
),

final as (
    select
        -- keys
        month,
        motion,
        -- attributes
        is_complete,
        -- measures
        customers,
        new_customers,
        cast(mrr as decimal(18, 2)) as mrr,
        {{ share_of_money('mrr', var('gross_margin_rate')) }} as gross_profit,
        cast(sales_cost as decimal(18, 2)) as sales_cost,
        cast(winning_cost as decimal(18, 2)) as winning_cost,
        cast(serving_cost as decimal(18, 2)) as serving_cost,
        cast(
            {{ share_of_money('mrr', var('gross_margin_rate')) }}
            - sales_cost - winning_cost - serving_cost as decimal(18, 2)
        ) as contribution
    from shared
)

select * from final
