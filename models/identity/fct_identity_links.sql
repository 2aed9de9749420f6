with

links as (
    select * from {{ ref('int_identity__links') }}
),

link_guards as (
    select * from {{ ref('int_identity__link_guards') }}
    union all
    select * from {{ ref('int_identity__denied_paths') }}
),

links_dropped as (
    -- the first rule by name stands for all that speak against a link
    select
        id_type,
        id_value,
        user_id,
        evidence,
        min(rule_key) as dropped_by_rule
    from link_guards
    group by id_type, id_value, user_id, evidence
),

final as (
    select
        links.id_type,
        links.id_value,
        links.user_id,
        links.evidence,
        links.compare_key,
        links_dropped.dropped_by_rule is null as is_kept,
        links_dropped.dropped_by_rule is null and (
            links.evidence = 'verified_email'
            or (links.evidence = 'alias' and links.id_type = 'user_id')
        ) as is_merging,
        links_dropped.dropped_by_rule,
        links.count_calls,
        links.first_seen_at,
        links.last_seen_at,
        links.known_date
    from links
    left join links_dropped
        on
            links.id_type = links_dropped.id_type
            and links.id_value = links_dropped.id_value
            and links.user_id = links_dropped.user_id
            and links.evidence = links_dropped.evidence
)

select * from final
