with

merging_links as (
    select * from {{ ref('fct_identity_links') }}
    where is_merging
),

shared_emails as (
    select compare_key
    from merging_links
    where id_type = 'email'
    group by compare_key
    having count(distinct user_id) > 1
),

merging_edges as (
    select
        'user_id:' || id_value as node_a,
        'user_id:' || user_id as node_b
    from merging_links
    where id_type = 'user_id'
    union
    select
        'email:' || merging_links.compare_key as node_a,
        'user_id:' || merging_links.user_id as node_b
    from merging_links
    inner join shared_emails on merging_links.compare_key = shared_emails.compare_key
    where merging_links.id_type = 'email'
),

{{ connected_components('merging_edges', var('component_rounds')) }},

nodes as (
    select node_a as node from merging_edges
    union
    select node_b as node from merging_edges
),

final as (
    select
        substr(nodes.node, length('user_id:') + 1) as user_id,
        coalesce(component_labels.label, nodes.node) as component_label
    from nodes
    left join component_labels on nodes.node = component_labels.node
    where nodes.node like 'user_id:%'
)

select * from final
