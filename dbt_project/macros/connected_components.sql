{#-
    Connected components of an undirected graph without recursion: the alternating
    large-star / small-star algorithm (Kiveris et al., "Connected Components in MapReduce and
    Beyond", SoCC 2014), unrolled `rounds` times.

    Renders the CTEs `star_1` … and at last `component_labels` (node, label): for every node of
    an edge but the smallest one of its component, the smallest. `edges` names a CTE with the
    columns node_a, node_b.

    Each step reads the one before it exactly once, so that an engine that inlines CTEs
    (Spark) does not blow the plan up. The data test identity_components_converged fails
    when `rounds` was too small for the data.
-#}
{% macro connected_components(edges, rounds) -%}
{%- set previous = namespace(cte=edges) -%}
{%- for round in range(1, rounds + 1) %}
large_star_{{ round }}_neighbours as (
    select
        case when sides.side = 1 then edges.node_a else edges.node_b end as node,
        case when sides.side = 1 then edges.node_b else edges.node_a end as neighbour
    from {{ previous.cte }} as edges
    cross join (select 1 as side union all select 2 as side) as sides
),

large_star_{{ round }} as (
    -- every larger neighbour is linked to the smallest node around
    select distinct
        neighbour as node_a,
        smallest as node_b
    from (
        select
            node,
            neighbour,
            least(node, min(neighbour) over (partition by node)) as smallest
        from large_star_{{ round }}_neighbours
    ) as stars
    where neighbour > node
),

small_star_{{ round }} as (
    -- the node itself and every smaller neighbour are linked to the smallest of them
    select distinct
        case when sides.side = 1 then stars.node else stars.neighbour end as node_a,
        stars.smallest as node_b
    from (
        select
            greatest(node_a, node_b) as node,
            least(node_a, node_b) as neighbour,
            min(least(node_a, node_b)) over (partition by greatest(node_a, node_b)) as smallest
        from large_star_{{ round }}
    ) as stars
    cross join (select 1 as side union all select 2 as side) as sides
    where case when sides.side = 1 then stars.node else stars.neighbour end <> stars.smallest
),
{%- set previous.cte = 'small_star_' ~ round -%}
{%- endfor %}

component_labels as (
    select
        node_a as node,
        min(node_b) as label
    from {{ previous.cte }}
    group by node_a
)
{%- endmacro %}
