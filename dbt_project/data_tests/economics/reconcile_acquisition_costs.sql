-- Every month's acquisition costs are on channels to the cent: media by its own channel, people
-- and tooling however they were shared out.
with

acquisition_costs as (
    select
        month,
        cost_kind,
        sum(amount) as amount
    from {{ ref('fct_acquisition_costs') }}
    group by 1, 2
),

costs as (
    select
        month,
        cost_kind,
        amount
    from {{ ref('fct_gtm_costs') }}
    where cost_role = 'acquisition'

    union all

    select
        {{ month_start('spend_date') }} as month,
        'spend' as cost_kind,
        sum(amount) as amount
    from {{ ref('fct_marketing_spend') }}
    group by 1
),

months as (
    select month from {{ ref('int_economics__months') }}
),

costs_so_far as (
    select costs.*
    from costs
    inner join months on costs.month = months.month
)

select
    coalesce(costs_so_far.month, acquisition_costs.month) as month,
    coalesce(costs_so_far.cost_kind, acquisition_costs.cost_kind) as cost_kind,
    costs_so_far.amount as landed,
    acquisition_costs.amount as allocated
from costs_so_far
full outer join acquisition_costs
    on
        costs_so_far.month = acquisition_costs.month
        and costs_so_far.cost_kind = acquisition_costs.cost_kind
where coalesce(costs_so_far.amount, 0) <> coalesce(acquisition_costs.amount, 0)
