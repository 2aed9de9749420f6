with

links as (
    select * from {{ ref('int_identity__links') }}
),

link_guards as (
    select * from {{ ref('int_identity__link_guards') }}
),

denied_edges as (
    select * from {{ ref('denied_edges') }}
),

denied_pairs as (
    select distinct
        least(id_value_a, id_value_b) as user_a,
        greatest(id_value_a, id_value_b) as user_b
    from denied_edges
    where
        id_type_a = 'user_id'
        and id_type_b = 'user_id'
        and id_value_a <> id_value_b
),

merging_links as (
    -- what would make users one person
    select
        links.id_type || ':' || links.compare_key as id_node,
        'user_id:' || links.user_id as user_node,
        links.id_type,
        links.id_value,
        links.user_id,
        links.evidence,
        links.first_seen_at
    from links
    left join link_guards
        on
            links.id_type = link_guards.id_type
            and links.id_value = link_guards.id_value
            and links.user_id = link_guards.user_id
            and links.evidence = link_guards.evidence
    where
        link_guards.rule_key is null
        and (links.evidence = 'verified_email' or (links.evidence = 'alias' and links.id_type = 'user_id'))
        and exists (select 1 from denied_pairs)
),

ties as (
    select
        node,
        other_node,
        min(first_seen_at) as tied_at
    from (
        select
            id_node as node,
            user_node as other_node,
            first_seen_at
        from merging_links
        union all
        select
            user_node as node,
            id_node as other_node,
            first_seen_at
        from merging_links
    ) as both_ways
    group by node, other_node
),

side_0 as (
    select
        user_a,
        user_b,
        'user_id:' || user_a as node,
        user_a as side,
        cast('1900-01-01' as timestamp) as tied_at
    from denied_pairs
    union all
    select
        user_a,
        user_b,
        'user_id:' || user_b as node,
        user_b as side,
        cast('1900-01-01' as timestamp) as tied_at
    from denied_pairs
),
{%- for round in range(1, var('component_rounds') + 1) %}

side_{{ round }} as (
    -- one step further from both: who can be reached from either is whose it was tied to first
    select
        user_a,
        user_b,
        node,
        side,
        tied_at
    from (
        select
            sides.user_a,
            sides.user_b,
            ties.other_node as node,
            sides.side,
            greatest(sides.tied_at, ties.tied_at) as tied_at
        from side_{{ round - 1 }} as sides
        inner join ties on sides.node = ties.node
        union all
        select
            user_a,
            user_b,
            node,
            side,
            tied_at
        from side_0
    ) as reached
    qualify
        row_number() over (
            partition by user_a, user_b, node
            order by tied_at, side
        ) = 1
),
{%- endfor %}

sides_taken as (
    select * from side_{{ var('component_rounds') }}
),

final as (
    -- a link between the two sides is evidence of what was denied
    select distinct
        'denied_edge' as rule_key,
        'user_id' as guarded_id_type,
        users_taken.side as guarded_id_value,
        1 as count_seen,
        0 as count_limit,
        merging_links.id_type,
        merging_links.id_value,
        merging_links.user_id,
        merging_links.evidence
    from merging_links
    inner join sides_taken as ids_taken on merging_links.id_node = ids_taken.node
    inner join sides_taken as users_taken
        on
            merging_links.user_node = users_taken.node
            and ids_taken.user_a = users_taken.user_a
            and ids_taken.user_b = users_taken.user_b
    where ids_taken.side <> users_taken.side
)

select * from final
