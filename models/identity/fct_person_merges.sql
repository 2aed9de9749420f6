{%- set rounds = namespace(needed=1) -%}
{%- for power in range(1, 16) if 2 ** power < var('max_component_user_ids') -%}
    {%- set rounds.needed = power + 1 -%}
{%- endfor -%}

with

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

device_links as (
    select * from {{ ref('fct_identity_links') }}
    where id_type = 'anonymous_id' and is_kept
),

ties as (
    select * from {{ ref('int_identity__user_connections') }}
),

tied_users as (
    select
        user_id as node,
        other_user_id as other_node,
        connected_at
    from ties
),

{{ bottleneck_times('tied_users', rounds.needed) }},

users_ranked as (
    -- of two persons the one with the earlier anchor survives
    select
        user_id,
        person_id,
        row_number() over (partition by component_label order by first_seen_at, user_id) as anchor_rank
    from user_people
),

connections as (
    select
        connected_since.node as user_id,
        connected_since.other_node as other_user_id,
        connected_since.connected_at,
        users_ranked.person_id,
        users_ranked.anchor_rank,
        other_users.anchor_rank as other_anchor_rank
    from connected_since
    inner join users_ranked on connected_since.node = users_ranked.user_id
    inner join users_ranked as other_users on connected_since.other_node = other_users.user_id
),

absorptions as (
    -- a person ends at the moment its anchor is first connected with an earlier one
    select
        user_id as absorbed_user_id,
        person_id,
        min(connected_at) as merged_at
    from connections
    where other_anchor_rank < anchor_rank
    group by user_id, person_id
),

survivors as (
    select
        absorptions.absorbed_user_id,
        absorptions.person_id,
        absorptions.merged_at,
        min_by(connections.other_user_id, connections.other_anchor_rank) as surviving_user_id
    from absorptions
    inner join connections
        on
            absorptions.absorbed_user_id = connections.user_id
            and absorptions.merged_at >= connections.connected_at
    group by absorptions.absorbed_user_id, absorptions.person_id, absorptions.merged_at
),

ties_at_the_moment as (
    -- the tie between what was the one person before and what was not
    select
        absorptions.absorbed_user_id,
        ties.user_id,
        ties.other_user_id,
        ties.evidence,
        ties.evidence_id_type,
        ties.evidence_id_value
    from absorptions
    inner join ties on absorptions.merged_at = ties.connected_at
    left join connections as before
        on
            absorptions.absorbed_user_id = before.user_id
            and ties.user_id = before.other_user_id
            and absorptions.merged_at > before.connected_at
    inner join connections as after
        on
            absorptions.absorbed_user_id = after.user_id
            and ties.other_user_id = after.other_user_id
            and absorptions.merged_at = after.connected_at
    where ties.user_id = absorptions.absorbed_user_id or before.user_id is not null
    qualify
        row_number() over (
            partition by absorptions.absorbed_user_id
            order by ties.user_id, ties.other_user_id
        ) = 1
),

visitors_signing_up as (
    -- only who had a past as a visitor was a person before
    select
        devices.anonymous_id,
        devices.first_user_id,
        devices.person_id,
        device_links.evidence,
        device_links.first_seen_at as merged_at
    from devices
    inner join device_links
        on
            devices.anonymous_id = device_links.id_value
            and devices.first_user_id = device_links.user_id
    where devices.first_seen_at < device_links.first_seen_at
    qualify
        row_number() over (
            partition by devices.anonymous_id
            order by device_links.first_seen_at, device_links.evidence
        ) = 1
),

final as (
    select
        {{ hash_id('per_', "'user_id'", 'survivors.absorbed_user_id') }} as absorbed_person_id,
        {{ hash_id('per_', "'user_id'", 'survivors.surviving_user_id') }} as surviving_person_id,
        survivors.person_id,
        'user_id' as absorbed_id_type,
        survivors.absorbed_user_id as absorbed_id_value,
        survivors.surviving_user_id,
        ties_at_the_moment.evidence,
        ties_at_the_moment.evidence_id_type,
        ties_at_the_moment.evidence_id_value,
        ties_at_the_moment.user_id as tied_user_id,
        ties_at_the_moment.other_user_id as other_tied_user_id,
        survivors.merged_at
    from survivors
    inner join ties_at_the_moment
        on survivors.absorbed_user_id = ties_at_the_moment.absorbed_user_id
    union all
    select
        {{ hash_id('per_', "'anonymous_id'", 'anonymous_id') }} as absorbed_person_id,
        {{ hash_id('per_', "'user_id'", 'first_user_id') }} as surviving_person_id,
        person_id,
        'anonymous_id' as absorbed_id_type,
        anonymous_id as absorbed_id_value,
        first_user_id as surviving_user_id,
        evidence,
        'anonymous_id' as evidence_id_type,
        anonymous_id as evidence_id_value,
        first_user_id as tied_user_id,
        cast(null as varchar) as other_tied_user_id,
        merged_at
    from visitors_signing_up
)

select * from final
