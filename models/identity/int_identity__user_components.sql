with

links as (
    select * from {{ ref('int_identity__links') }}
),

shared_emails as (
    -- an e-mail that more users verified than one person can have is no evidence
    select id_value
    from links
    where evidence = 'verified_email'
    group by id_value
    having
        count(distinct user_id) > 1
        and count(distinct user_id) <= {{ var('max_component_user_ids') }}
),

merging_edges as (
    select
        'user_id:' || id_value as node_a,
        'user_id:' || user_id as node_b
    from links
    where id_type = 'user_id' and evidence = 'alias'
    union
    select
        'email:' || links.id_value as node_a,
        'user_id:' || links.user_id as node_b
    from links
    inner join shared_emails on links.id_value = shared_emails.id_value
    where links.evidence = 'verified_email'
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
