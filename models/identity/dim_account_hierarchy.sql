with

accounts as (
    select * from {{ ref('int_identity__accounts') }}
),

account_parents as (
    select * from {{ ref('int_identity__account_parents') }}
),

edges as (
    select
        node,
        parent_node,
        method
    from account_parents
    where not is_circle_cut
),

{{ ancestors('edges', var('hierarchy_rounds')) }},

final as (
    select
        accounts.account_id,
        case when edges.parent_node not like 'crm|%' then edges.parent_node end as parent_account_id,
        case when coalesce(ancestors_walked.walk_end, '') not like 'crm|%' then coalesce(ancestors_walked.walk_end, accounts.account_id) end as ultimate_parent_account_id,
        case when ancestors_walked.walk_end like 'crm|%' then split_part(ancestors_walked.walk_end, '|', 3) end as ultimate_parent_crm_account_id,
        coalesce(ancestors_walked.walk_end, accounts.account_id) as company_key,
        coalesce(edges.method, case when account_parents.is_circle_cut then 'circle_cut' else 'top' end) as method,
        coalesce(ancestors_walked.count_steps, 0) as levels_below_top
    from accounts
    left join account_parents on accounts.account_id = account_parents.node
    left join edges on accounts.account_id = edges.node
    left join ancestors_walked on accounts.account_id = ancestors_walked.node
)

select * from final
