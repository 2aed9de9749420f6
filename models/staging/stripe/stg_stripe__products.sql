with

object_states as (
    select * from {{ ref('base_stripe__object_states') }}
    where object_type = 'product'
),

newest as (
    select *
    from object_states
    qualify row_number() over (
        partition by object_id order by known_at desc, load_id desc, line_number desc
    ) = 1
),

final as (
    select
        object_id as product_id,
        {{ json_text('object', 'name') }} as product_name,
        {{ json_text('object', 'metadata.plan_key') }} as metadata_plan_key,
        is_deleted
    from newest
)

select * from final
