with

months as (
    select * from {{ ref('int_economics__months') }}
),

marketing_spend as (
    select * from {{ ref('fct_marketing_spend') }}
),

gtm_costs as (
    select * from {{ ref('fct_gtm_costs') }}
    where cost_role = 'acquisition' and amount is not null
),

customer_credits as (
    select * from {{ ref('int_economics__customer_credits') }}
),

spend_by_channel as (
    select
        {{ month_start('spend_date') }} as month,
        -- spend on all channels is on none in particular, and 'all' is what reports call their total
        case when channel = 'all' then 'unallocated' else channel end as channel,
        sum(amount) as amount
    from marketing_spend
    where amount is not null
    group by 1, 2
),

weights as (
    select
        'spend' as allocation_key,
        month,
        channel,
        cast(amount as double) as weight
    from spend_by_channel
    where amount > 0

    union all

    select
        'new_customers' as allocation_key,
        cohort_month as month,
        channel,
        cast(sum(credit) as double) as weight
    from customer_credits
    group by 1, 2, 3

    union all

    select
        'sales_assisted_customers' as allocation_key,
        cohort_month as month,
        channel,
        cast(sum(credit) as double) as weight
    from customer_credits
    where motion = 'sales_assisted'
    group by 1, 2, 3
),

keys_there as (
    select
        month,
        max(case when allocation_key = 'spend' then 1 else 0 end) as has_spend,
        max(case when allocation_key = 'new_customers' then 1 else 0 end) as has_new_customers,
        max(case when allocation_key = 'sales_assisted_customers' then 1 else 0 end) as has_sales_assisted_customers
    from weights
    group by month
),

costs_with_key as (
    -- a month without what its key asks for is shared out by the next best there is
    select
        gtm_costs.month,
        gtm_costs.cost_kind,
        gtm_costs.cost_group,
        gtm_costs.amount,
        case
            when gtm_costs.allocation_key = 'spend' and keys_there.has_spend = 1 then 'spend'
            when
                gtm_costs.allocation_key = 'sales_assisted_customers' and keys_there.has_sales_assisted_customers = 1
                then 'sales_assisted_customers'
            when keys_there.has_new_customers = 1 then 'new_customers'
            when keys_there.has_spend = 1 then 'spend'
            else 'none'
        end as allocation_key
    from gtm_costs
    left join keys_there on gtm_costs.month = keys_there.month
),

costs_shared as (
    select
        costs_with_key.month,
        costs_with_key.cost_kind,
        costs_with_key.cost_group,
        costs_with_key.allocation_key,
        coalesce(weights.channel, 'unallocated') as channel,
        costs_with_key.amount as total_amount,
        coalesce(
            weights.weight / sum(weights.weight) over (partition by costs_with_key.month, costs_with_key.cost_kind), 1
        ) as share_of_cost
    from costs_with_key
    left join weights
        on
            costs_with_key.allocation_key = weights.allocation_key
            and costs_with_key.month = weights.month
),

costs_rounded_down as (
    select
        *,
        cast(
            floor(round(cast(total_amount as double) * share_of_cost * 100, 4)) / 100 as decimal(18, 2)
        ) as amount_before,
        row_number() over (
            partition by month, cost_kind
            order by share_of_cost desc, channel
        ) as share_rank
    from costs_shared
),

costs_allocated as (
    -- cents that are left go to the channel with the largest share
    select
        month,
        channel,
        cost_kind,
        cost_group,
        allocation_key,
        amount_before
        + case
            when share_rank = 1
                then total_amount - sum(amount_before) over (partition by month, cost_kind)
            else 0
        end as amount
    from costs_rounded_down
),

all_costs as (
    select
        month,
        channel,
        'spend' as cost_kind,
        'spend' as cost_group,
        'own' as allocation_key,
        amount
    from spend_by_channel

    union all

    select
        month,
        channel,
        cost_kind,
        cost_group,
        allocation_key,
        amount
    from costs_allocated
    where amount <> 0
),

final as (
    -- budgets of months to come are no costs yet
    select
        all_costs.month,
        all_costs.channel,
        all_costs.cost_kind,
        all_costs.cost_group,
        all_costs.allocation_key,
        cast(all_costs.amount as decimal(18, 2)) as amount
    from all_costs
    inner join months on all_costs.month = months.month
)

select * from final
