with

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

merging_links as (
    select * from {{ ref('fct_identity_links') }}
    where is_merging
),

pairs_seen as (
    -- two users are tied by an alias from its call on, by an address once both verified it
    select
        user_id as node,
        id_value as other_node,
        'alias' as evidence,
        'user_id' as evidence_id_type,
        id_value as evidence_id_value,
        first_seen_at as connected_at
    from merging_links
    where id_type = 'user_id'
    union all
    select
        id_value as node,
        user_id as other_node,
        'alias' as evidence,
        'user_id' as evidence_id_type,
        id_value as evidence_id_value,
        first_seen_at as connected_at
    from merging_links
    where id_type = 'user_id'
    union all
    select
        links.user_id as node,
        others.user_id as other_node,
        'verified_email' as evidence,
        'email' as evidence_id_type,
        links.compare_key as evidence_id_value,
        greatest(links.first_seen_at, others.first_seen_at) as connected_at
    from merging_links as links
    inner join merging_links as others
        on
            links.compare_key = others.compare_key
            and links.id_type = 'email'
            and others.id_type = 'email'
            and links.user_id <> others.user_id
),

final as (
    -- of several ties between two users the earliest; a component too large ties nobody
    select
        pairs_seen.node as user_id,
        pairs_seen.other_node as other_user_id,
        pairs_seen.evidence,
        pairs_seen.evidence_id_type,
        pairs_seen.evidence_id_value,
        pairs_seen.connected_at
    from pairs_seen
    inner join user_people on pairs_seen.node = user_people.user_id
    where not user_people.is_oversized
    qualify
        row_number() over (
            partition by pairs_seen.node, pairs_seen.other_node
            order by
                pairs_seen.connected_at,
                pairs_seen.evidence,
                pairs_seen.evidence_id_value
        ) = 1
)

select * from final
