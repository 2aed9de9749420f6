with

ids as (
    select * from {{ ref('int_identity__ids') }}
),

components as (
    select * from {{ ref('int_identity__user_components') }}
),

users_in_components as (
    select
        ids.id_value as user_id,
        coalesce(components.component_label, 'user_id:' || ids.id_value) as component_label,
        ids.first_seen_at
    from ids
    left join components on ids.id_value = components.user_id
    where ids.id_type = 'user_id'
),

components_measured as (
    select
        user_id,
        component_label,
        first_seen_at,
        count(*) over (partition by component_label) as count_component_user_ids,
        -- the earliest anchor names the person: the same whatever order loads came in
        first_value(user_id) over (
            partition by component_label
            order by first_seen_at, user_id
        ) as component_anchor
    from users_in_components
),

anchored as (
    select
        *,
        -- bots, kiosks, test traffic: flagged, not merged
        count_component_user_ids > {{ var('max_component_user_ids') }} as is_oversized,
        case
            when count_component_user_ids > {{ var('max_component_user_ids') }} then user_id
            else component_anchor
        end as anchor_user_id
    from components_measured
),

final as (
    select
        user_id,
        {{ hash_id('per_', "'user_id'", 'anchor_user_id') }} as person_id,
        anchor_user_id,
        component_label,
        count_component_user_ids,
        is_oversized,
        first_seen_at
    from anchored
)

select * from final
