with

account_profiles as (
    select * from {{ ref('int_identity__account_profiles') }}
),

accounts as (
    select * from {{ ref('int_identity__accounts') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
    where object = 'accounts'
),

crm_accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

crm_nodes as (
    -- a CRM account is the product account it was matched to, or itself
    select
        crm_accounts.crm,
        crm_accounts.record_id,
        coalesce(crm_records.account_id, 'crm|' || crm_accounts.crm || '|' || crm_accounts.record_id) as node,
        coalesce(crm_records.confidence, 0) as confidence,
        crm_accounts.parent_record_id
    from crm_accounts
    left join crm_records
        on
            crm_accounts.crm = crm_records.crm
            and crm_accounts.record_id = crm_records.record_id
),

parents_in_crm as (
    -- a parent that is gone is none
    select
        children.node,
        parents.node as parent_node,
        'crm_parent' as method,
        1 as method_rank,
        children.confidence,
        0 as count_people
    from crm_nodes as children
    inner join crm_nodes as parents
        on
            children.crm = parents.crm
            and children.parent_record_id = parents.record_id
    where children.node <> parents.node
),

company_accounts as (
    -- of several workspaces of one company: that with the contract, then that of most people
    select
        account_profiles.account_id,
        first_value(account_profiles.account_id) over (
            partition by account_profiles.domain
            order by
                case when account_profiles.has_contract then 0 else 1 end,
                account_profiles.count_people desc,
                account_profiles.first_seen_at asc nulls last,
                account_profiles.account_id asc
        ) as company_account_id
    from account_profiles
    inner join accounts on account_profiles.account_id = accounts.account_id
    where account_profiles.domain is not null
),

parents_by_domain as (
    select
        account_id as node,
        company_account_id as parent_node,
        'company_domain' as method,
        2 as method_rank,
        cast(0 as decimal(4, 3)) as confidence,
        0 as count_people
    from company_accounts
    where account_id <> company_account_id
),

parents_ranked as (
    select
        *,
        row_number() over (
            partition by node
            order by method_rank asc, confidence desc, parent_node asc
        ) as place
    from (
        select * from parents_in_crm
        union all
        select * from parents_by_domain
    ) as parents
),

edges as (
    select
        node,
        parent_node,
        method
    from parents_ranked
    where place = 1
),

{{ ancestors('edges', var('hierarchy_rounds')) }},

circles as (
    -- who still has no top after so many steps is below or in a circle; a node is in it when it
    -- is where such a walk ends
    select distinct walk_end as node
    from ancestors_walked
    where not is_top_reached
),

circles_named as (
    select
        circles.node,
        ancestors_walked.smallest_node = circles.node as is_smallest
    from circles
    inner join ancestors_walked on circles.node = ancestors_walked.node
),

final as (
    -- a circle is opened above its smallest member, whatever order the records came in
    select
        edges.node,
        edges.parent_node,
        edges.method,
        coalesce(circles_named.is_smallest, false) as is_circle_cut
    from edges
    left join circles_named on edges.node = circles_named.node
)

select * from final
