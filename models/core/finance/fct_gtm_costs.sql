with

gtm_costs as (
    select * from {{ ref('stg_finance__gtm_costs') }}
),

cost_kinds as (
    select * from {{ ref('gtm_cost_kinds') }}
),

final as (
    select
        gtm_costs.month,
        coalesce(gtm_costs.cost_kind, 'unknown') as cost_kind,
        coalesce(cost_kinds.cost_role, 'other') as cost_role,
        coalesce(cost_kinds.cost_group, 'people') as cost_group,
        coalesce(cost_kinds.allocation_key, 'new_customers') as allocation_key,
        cast(gtm_costs.amount as decimal(18, 2)) as amount
    from gtm_costs
    left join cost_kinds on gtm_costs.cost_kind = cost_kinds.cost_kind
)

select * from final
