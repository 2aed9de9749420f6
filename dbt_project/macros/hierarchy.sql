{#-
    Walks up a forest without recursion, by doubling: after `rounds` rounds every node has gone
    2 to the power of `rounds` steps, or stands at the top. Each node has at most one parent.

    `edges` names a CTE with the columns node, parent_node. Renders the CTEs `walk_0` … and at last
    `ancestors_walked` for every node that has a parent: walk_end (where the walk stands),
    count_steps, is_top_reached (false: below or in a circle, and then walk_end is in the circle),
    smallest_node (of all nodes passed, the start among them).
-#}
{% macro ancestors(edges, rounds) -%}
walk_0 as (
    select
        node,
        parent_node as walk_end,
        1 as count_steps,
        least(node, parent_node) as smallest_node
    from {{ edges }}
),
{% for round in range(1, rounds + 1) %}
walk_{{ round }} as (
    select
        walks.node,
        coalesce(further.walk_end, walks.walk_end) as walk_end,
        walks.count_steps + coalesce(further.count_steps, 0) as count_steps,
        least(walks.smallest_node, coalesce(further.smallest_node, walks.smallest_node)) as smallest_node
    from walk_{{ round - 1 }} as walks
    left join walk_{{ round - 1 }} as further on walks.walk_end = further.node
),
{% endfor %}
ancestors_walked as (
    select
        walks.node,
        walks.walk_end,
        walks.count_steps,
        walks.smallest_node,
        {{ edges }}.node is null as is_top_reached
    from walk_{{ rounds }} as walks
    left join {{ edges }} on walks.walk_end = {{ edges }}.node
)
{%- endmacro %}
