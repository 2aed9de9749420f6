with

links as (
    select * from {{ ref('fct_identity_links') }}
),

link_guards as (
    select * from {{ ref('int_identity__link_guards') }}
    union all
    select * from {{ ref('int_identity__denied_paths') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

denied_ids_met as (
    select * from {{ ref('stg_events__denied_ids_met') }}
),

flag_rules as (
    select * from {{ ref('identity_cardinality_rules') }}
    where action = 'flag'
),

allowed_ids as (
    select distinct
        id_type,
        case when id_type = 'email' then {{ email_compare_key('id_value') }} else id_value end as compare_key
    from {{ ref('allowed_ids') }}
),

links_dropped as (
    select
        link_guards.rule_key,
        link_guards.guarded_id_type as id_type,
        link_guards.guarded_id_value as id_value,
        link_guards.count_limit,
        'drop_edge' as action,
        -- the other end, as the guarded id sees it
        case
            when
                link_guards.guarded_id_type = 'user_id'
                and link_guards.guarded_id_value = link_guards.user_id
                then link_guards.id_type || ':' || link_guards.id_value
            else 'user_id:' || link_guards.user_id
        end as other_id,
        links.first_seen_at,
        links.last_seen_at
    from link_guards
    inner join links
        on
            link_guards.id_type = links.id_type
            and link_guards.id_value = links.id_value
            and link_guards.user_id = links.user_id
            and link_guards.evidence = links.evidence
),

links_of_people as (
    select
        links.*,
        user_people.person_id
    from links
    inner join user_people on links.user_id = user_people.user_id
    where links.is_kept
),

sides as (
    -- every kept link as each of its ends sees it, and the person behind its user
    select
        id_type,
        compare_key as id_value,
        'user_id' as counted,
        user_id as other_value,
        evidence,
        first_seen_at,
        last_seen_at
    from links_of_people
    union all
    select
        id_type,
        compare_key as id_value,
        'person_id' as counted,
        person_id as other_value,
        evidence,
        first_seen_at,
        last_seen_at
    from links_of_people
    union all
    select
        'user_id' as id_type,
        user_id as id_value,
        id_type as counted,
        compare_key as other_value,
        evidence,
        first_seen_at,
        last_seen_at
    from links_of_people
),

sides_under_rules as (
    select
        sides.*,
        flag_rules.rule_key,
        flag_rules.max_count,
        flag_rules.action
    from sides
    inner join flag_rules
        on
            sides.id_type = flag_rules.id_type
            and sides.counted = flag_rules.counted
            and (flag_rules.evidence = 'any' or sides.evidence = flag_rules.evidence)
    left join allowed_ids
        on
            sides.id_type = allowed_ids.id_type
            and sides.id_value = allowed_ids.compare_key
    where allowed_ids.compare_key is null
),

limits_broken as (
    select
        rule_key,
        id_value
    from sides_under_rules
    group by rule_key, id_value
    having count(distinct other_value) > min(max_count)
),

ids_flagged as (
    select
        sides_under_rules.rule_key,
        sides_under_rules.id_type,
        sides_under_rules.id_value,
        sides_under_rules.max_count as count_limit,
        sides_under_rules.action,
        sides_under_rules.counted || ':' || sides_under_rules.other_value as other_id,
        sides_under_rules.first_seen_at,
        sides_under_rules.last_seen_at
    from sides_under_rules
    inner join limits_broken
        on
            sides_under_rules.rule_key = limits_broken.rule_key
            and sides_under_rules.id_value = limits_broken.id_value
),

links_in_oversized_components as (
    select
        links.id_type,
        links.id_value,
        links.user_id,
        user_people.count_component_user_ids,
        links.first_seen_at,
        links.last_seen_at
    from user_people
    inner join links
        on
            user_people.user_id = links.user_id
            and links.is_merging
    where user_people.is_oversized
),

ids_in_oversized_components as (
    -- a user by the ids that tie it into the component, an address by its users
    select
        'user_id' as id_type,
        user_id as id_value,
        id_type || ':' || id_value as other_id,
        count_component_user_ids,
        first_seen_at,
        last_seen_at
    from links_in_oversized_components
    union all
    select
        id_type,
        id_value,
        'user_id:' || user_id as other_id,
        count_component_user_ids,
        first_seen_at,
        last_seen_at
    from links_in_oversized_components
),

rules_broken as (
    select * from links_dropped
    union all
    select * from ids_flagged
),

violations as (
    select
        rule_key,
        id_type,
        id_value,
        count_limit,
        action,
        cast(null as bigint) as count_seen,
        other_id,
        first_seen_at,
        last_seen_at
    from rules_broken
    union all
    select
        'component_user_ids' as rule_key,
        id_type,
        id_value,
        {{ var('max_component_user_ids') }} as count_limit,
        'leave_unmerged' as action,
        count_component_user_ids as count_seen,
        other_id,
        first_seen_at,
        last_seen_at
    from ids_in_oversized_components
    union all
    select
        'denied_id' as rule_key,
        id_type,
        id_value,
        0 as count_limit,
        'drop_id' as action,
        count_calls as count_seen,
        'reason:' || reason as other_id,
        first_seen_at,
        last_seen_at
    from denied_ids_met
),

others as (
    select
        rule_key,
        id_type,
        id_value,
        other_id,
        row_number() over (partition by rule_key, id_type, id_value order by other_id) as place
    from violations
    group by rule_key, id_type, id_value, other_id
),

samples as (
    select
        rule_key,
        id_type,
        id_value,
        {{ join_texts('other_id') }} as sample
    from others
    where place <= {{ var('violation_sample_ids') }}
    group by rule_key, id_type, id_value
),

violations_counted as (
    select
        rule_key,
        id_type,
        id_value,
        max(action) as action,
        coalesce(
            case when max(rule_key) = 'denied_id' then cast(sum(count_seen) as bigint) else max(count_seen) end,
            count(distinct other_id)
        ) as count_seen,
        max(count_limit) as count_limit,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from violations
    group by rule_key, id_type, id_value
),

final as (
    select
        violations_counted.rule_key,
        violations_counted.id_type,
        violations_counted.id_value,
        violations_counted.action,
        samples.sample,
        cast(violations_counted.count_seen as bigint) as count_seen,
        cast(violations_counted.count_limit as integer) as count_limit,
        violations_counted.first_seen_at,
        violations_counted.last_seen_at
    from violations_counted
    inner join samples
        on
            violations_counted.rule_key = samples.rule_key
            and violations_counted.id_type = samples.id_type
            and violations_counted.id_value = samples.id_value
)

select * from final
