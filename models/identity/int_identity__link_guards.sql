with

links as (
    select * from {{ ref('int_identity__links') }}
),

denied_edges as (
    select * from {{ ref('denied_edges') }}
),

allowed_edges as (
    select * from {{ ref('allowed_edges') }}
),

allowed_ids as (
    select distinct
        id_type,
        id_value,
        case when id_type = 'email' then {{ email_compare_key('id_value') }} else id_value end as compare_key
    from {{ ref('allowed_ids') }}
),

role_addresses as (
    select * from {{ ref('role_addresses') }}
),

cardinality_rules as (
    select * from {{ ref('identity_cardinality_rules') }}
    where action = 'drop_edge' and counted <> 'person_id'
),

edges_judged_by_name as (
    select
        'denied' as verdict,
        id_type_a,
        id_value_a,
        id_type_b,
        id_value_b
    from denied_edges
    union all
    select
        'allowed' as verdict,
        id_type_a,
        id_value_a,
        id_type_b,
        id_value_b
    from allowed_edges
),

pairs_judged_by_name as (
    -- an edge has no direction, and one of its ends is a user id
    select
        verdict,
        id_type_a as id_type,
        id_value_a as id_value,
        id_value_b as user_id
    from edges_judged_by_name
    where id_type_b = 'user_id'
    union
    select
        verdict,
        id_type_b as id_type,
        id_value_b as id_value,
        id_value_a as user_id
    from edges_judged_by_name
    where id_type_a = 'user_id'
),

denied_pairs as (
    select * from pairs_judged_by_name
    where verdict = 'denied'
),

allowed_pairs as (
    select * from pairs_judged_by_name
    where verdict = 'allowed'
),

denied_links as (
    select
        'denied_edge' as rule_key,
        links.id_type as guarded_id_type,
        links.id_value as guarded_id_value,
        1 as count_seen,
        0 as count_limit,
        links.id_type,
        links.id_value,
        links.user_id,
        links.evidence
    from links
    inner join denied_pairs
        on
            links.id_type = denied_pairs.id_type
            and links.id_value = denied_pairs.id_value
            and links.user_id = denied_pairs.user_id
),

verifications as (
    select
        id_value,
        compare_key,
        user_id,
        first_seen_at
    from links
    where evidence = 'verified_email'
),

denied_users_of_one_address as (
    -- two users who are not one person verified one address: who did so later has it no more
    select distinct
        'denied_edge' as rule_key,
        'user_id' as guarded_id_type,
        earlier.user_id as guarded_id_value,
        1 as count_seen,
        0 as count_limit,
        'email' as id_type,
        later.id_value,
        later.user_id,
        'verified_email' as evidence
    from denied_pairs
    inner join verifications as earlier
        on
            denied_pairs.id_type = 'user_id'
            and denied_pairs.id_value = earlier.user_id
    inner join verifications as later
        on
            denied_pairs.user_id = later.user_id
            and earlier.compare_key = later.compare_key
    where
        earlier.first_seen_at < later.first_seen_at
        or (earlier.first_seen_at = later.first_seen_at and earlier.user_id < later.user_id)
),

links_denied as (
    select * from denied_links
    union all
    select * from denied_users_of_one_address
),

links_to_judge as (
    -- neither denied nor allowed by name
    select links.*
    from links
    left join links_denied
        on
            links.id_type = links_denied.id_type
            and links.id_value = links_denied.id_value
            and links.user_id = links_denied.user_id
            and links.evidence = links_denied.evidence
    left join allowed_pairs
        on
            links.id_type = allowed_pairs.id_type
            and links.id_value = allowed_pairs.id_value
            and links.user_id = allowed_pairs.user_id
    where links_denied.id_value is null and allowed_pairs.id_value is null
),

links_of_role_addresses as (
    select
        'role_address' as rule_key,
        links.id_type as guarded_id_type,
        links.id_value as guarded_id_value,
        1 as count_seen,
        0 as count_limit,
        links.id_type,
        links.id_value,
        links.user_id,
        links.evidence
    from links_to_judge as links
    inner join role_addresses
        on {{ email_local_part('links.id_value') }} = role_addresses.local_part
    left join allowed_ids
        on
            links.id_value = allowed_ids.id_value
            and allowed_ids.id_type = 'email'
    where links.id_type = 'email' and allowed_ids.id_value is null
),

ends as (
    select 1 as side
    union all
    select 2 as side
),

sides as (
    -- every link as each of its ends sees it
    select
        case when ends.side = 1 then links.id_type else 'user_id' end as guarded_id_type,
        case when ends.side = 1 then links.compare_key else links.user_id end as guarded_id_value,
        case when ends.side = 1 then 'user_id' else links.id_type end as counted,
        case when ends.side = 1 then links.user_id else links.compare_key end as counted_value,
        links.id_type,
        links.id_value,
        links.user_id,
        links.evidence
    from links_to_judge as links
    cross join ends
),

sides_under_rules as (
    select
        sides.*,
        cardinality_rules.rule_key,
        cardinality_rules.max_count
    from sides
    inner join cardinality_rules
        on
            sides.guarded_id_type = cardinality_rules.id_type
            and sides.counted = cardinality_rules.counted
            and (
                cardinality_rules.evidence = 'any'
                or sides.evidence = cardinality_rules.evidence
            )
    left join allowed_ids
        on
            sides.guarded_id_type = allowed_ids.id_type
            and sides.guarded_id_value = allowed_ids.compare_key
    where allowed_ids.id_value is null
),

limits_broken as (
    select
        rule_key,
        guarded_id_value,
        count(distinct counted_value) as count_seen
    from sides_under_rules
    group by rule_key, guarded_id_value
    having count(distinct counted_value) > min(max_count)
),

links_above_a_limit as (
    -- all of them: none is better than the others
    select
        sides_under_rules.rule_key,
        sides_under_rules.guarded_id_type,
        sides_under_rules.guarded_id_value,
        limits_broken.count_seen,
        sides_under_rules.max_count as count_limit,
        sides_under_rules.id_type,
        sides_under_rules.id_value,
        sides_under_rules.user_id,
        sides_under_rules.evidence
    from sides_under_rules
    inner join limits_broken
        on
            sides_under_rules.rule_key = limits_broken.rule_key
            and sides_under_rules.guarded_id_value = limits_broken.guarded_id_value
),

final as (
    select * from links_denied
    union all
    select * from links_of_role_addresses
    union all
    select * from links_above_a_limit
)

select * from final
