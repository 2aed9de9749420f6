{#-
    From which moment on two nodes of a graph are connected, without recursion: of all paths
    between them the one whose latest edge is the earliest (minimax paths, by squaring: each
    round joins the known connections with themselves, so `rounds` of them follow paths of up
    to 2^rounds edges).

    Renders the CTEs `connections_0` … and at last `connected_since` (node, other_node,
    connected_at), both ways, without a node to itself. `edges` names a CTE with the columns
    node, other_node, connected_at, both ways, one row a pair.

    Meant for many small components: a component of n nodes makes n³ rows in a round.
-#}
{% macro bottleneck_times(edges, rounds) -%}
connections_0 as (
    select
        node,
        other_node,
        connected_at
    from {{ edges }}
),
{%- for round in range(1, rounds + 1) %}

connections_{{ round }} as (
    select
        node,
        other_node,
        min(connected_at) as connected_at
    from (
        select
            node,
            other_node,
            connected_at
        from connections_{{ round - 1 }}
        union all
        select
            ways.node,
            onward.other_node,
            greatest(ways.connected_at, onward.connected_at) as connected_at
        from connections_{{ round - 1 }} as ways
        inner join connections_{{ round - 1 }} as onward on ways.other_node = onward.node
        where ways.node <> onward.other_node
    ) as paths
    group by node, other_node
),
{%- endfor %}

connected_since as (
    select * from connections_{{ rounds }}
)
{%- endmacro %}
